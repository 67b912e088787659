//! Scratch runner for `e2e/datapath.rs` until the harness runs it: `sudo -E cargo run -p pipelock-tests --example datapath`.
#![expect(clippy::print_stdout, reason = "a runner's report")]

#[path = "../e2e/datapath.rs"]
mod datapath;

fn main() -> anyhow::Result<()> {
    if let Some(result) = datapath::child_main() {
        return result;
    }
    let filter = std::env::args().nth(1).unwrap_or_default();
    let mut failed = 0;
    for (name, case) in datapath::cases().into_iter().filter(|(name, _)| name.contains(&filter)) {
        match case() {
            Ok(()) => println!("ok      {name}"),
            Err(error) => {
                failed += 1;
                println!("FAILED  {name}: {error:?}");
            }
        }
    }
    anyhow::ensure!(failed == 0, "{failed} failed");
    Ok(())
}
