//! The `ringfence` command.
mod check;
mod run;
fn main() {
    let mut args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let what = args.remove(0);
    let mut policies = vec![];
    while args.first().is_some_and(|a| a == "--policy") {
        args.remove(0);
        policies.push(args.remove(0).into_string().unwrap());
    }
    if args.first().is_some_and(|a| a == "--") {
        args.remove(0);
    }
    let job = run::Job { policies, flags: vec![], command: args };
    if what == "check" {
        std::process::exit(check::check(&job, check::Format::Human));
    }
    std::process::exit(run::run(&job));
}
