//! Claims about what names and values say.
