//! The door over real sockets, between a client and a server that are both in the test's hands.

mod rig;
mod shapes;
mod state;
mod streams;
mod trust;
