//! A disk that fails under the program as it runs: the n-th write, sync,
//! rename or creation, for every n, and a disk that is full from then on.
//! `shim.c` makes the calls fail below the C library, in the dashboard's
//! process and in its attempts alike; what the commands of a plan do is theirs.

mod incidents;
mod runs;
mod shim;
