/// An assessment makes and drops some sixty thousand small things a second at
/// worst; the C library's allocator takes twice as long over them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    std::process::exit(lifeboat::cli::main());
}
