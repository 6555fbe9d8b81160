//! Other names of arguments.
