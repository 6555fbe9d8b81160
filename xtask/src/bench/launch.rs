//! `cargo xtask bench launch`: from the creation of a launcher to its end, with a static `true` in it.

use anyhow::{Context, Result};

use super::args::Args;
use super::level::Level;
use super::machine;
use super::measure::{self, Timing};
use super::peer;
use super::scene::{Contender, Scene};
use super::table;
use super::user::User;

const RUNS: usize = 200;

/// What came of one contender at one level.
pub(crate) enum Row {
    /// It was timed.
    Timed(Contender, Timing),
    /// It cannot do the level, or is not there: name and reason.
    Absent(&'static str, String),
}

/// All that was measured at one level for one user.
pub(crate) struct Section {
    /// Who ran them.
    pub(crate) user: User,
    /// What was contained.
    pub(crate) level: Level,
    /// In the order of the table.
    pub(crate) rows: Vec<Row>,
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let peers = peer::chosen(args.peers.as_deref())?;
    let scene = Scene::new(args, "true")?;
    let runs = args.runs.unwrap_or(RUNS);
    let mut facts = machine::describe();
    let versions: Vec<String> = peers.iter().filter_map(|peer| peer.version()).collect();
    facts.push(("peers", versions.join(", ")));
    facts.push(("runs", format!("{runs} of each, interleaved, in shuffled rounds; pause {} µs", args.pause)));
    let mut sections = Vec::new();
    for user in args.who.users()? {
        for &level in &args.levels {
            eprintln!("{}, level {}", user.name, level.name());
            sections.push(section(args, &scene, &peers, user.clone(), level, runs)?);
        }
    }
    facts.push(("load average at the end", machine::load()));
    print!("{}", table::markdown(&facts, &sections, scene.place()));
    if let Some(path) = &args.json {
        let text = table::json(&facts, &sections).to_string();
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn section(
    args: &Args,
    scene: &Scene,
    peers: &[&peer::Peer],
    user: User,
    level: Level,
    runs: usize,
) -> Result<Section> {
    let mut tried: Vec<Result<Contender, (&'static str, String)>> = Vec::new();
    for contender in scene.own(level) {
        measure::trial(&contender, &user)
            .map_err(|why| anyhow::anyhow!("{}: {why}", contender.name))
            .context("the benchmark's own programs must run")?;
        tried.push(Ok(contender));
    }
    for peer in peers.iter().filter(|_| level != Level::Default) {
        let contender = peer.contender(scene, &user, level);
        let contender = contender.and_then(|contender| measure::trial(&contender, &user).map(|()| contender));
        tried.push(contender.map_err(|why| (peer.name, why)));
    }
    let contenders: Vec<&Contender> = tried.iter().filter_map(|tried| tried.as_ref().ok()).collect();
    let mut timings = measure::time(scene, &user, &contenders, runs, args.pause)?.into_iter();
    let rows = tried.into_iter().map(|tried| match tried {
        Ok(contender) => Row::Timed(contender, timings.next().unwrap_or_default()),
        Err((name, why)) => Row::Absent(name, why),
    });
    Ok(Section { user, level, rows: rows.collect() })
}
