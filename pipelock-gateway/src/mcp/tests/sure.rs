//! What a client of Sure does all day: nothing of it is blocked or flagged.
