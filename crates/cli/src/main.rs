//! Entry point of the `voicegw` binary.

use clap::Parser;

#[derive(Parser)]
#[command(name = "voicegw", version, about)]
enum Command {
    Sim(vg_cli::commands::sim::SimArgs),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Command::Sim(args) = Command::parse();
    vg_cli::commands::sim::run(args, &mut std::io::stdout()).await
}
