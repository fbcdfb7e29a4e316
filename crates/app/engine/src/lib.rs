//! Wires the rooms: manifest, epochs, checkpoints, replay, verify.
