//! What both sides of the kernel boundary agree on: record layouts, constants, and rules decided the same way on both.
#![no_std]
