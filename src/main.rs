/// Assessing a thousand workloads takes tens of thousands of small
/// allocations: a quarter of its time with the C library's allocator
/// (`benches/assess.rs`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    std::process::exit(lifeboat::cli::main());
}
