//! One policy, compiled into every control.
