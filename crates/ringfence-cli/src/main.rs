//! The `ringfence` command.
mod run;
fn main() {
    let mut args: Vec<std::ffi::OsString> = std::env::args_os().skip(2).collect();
    let mut policies = vec![];
    while args.first().is_some_and(|a| a == "--policy") {
        args.remove(0);
        policies.push(args.remove(0).into_string().unwrap());
    }
    if args.first().is_some_and(|a| a == "--") {
        args.remove(0);
    }
    let job = run::Job { policies, flags: vec![], command: args };
    std::process::exit(run::run(&job));
}
