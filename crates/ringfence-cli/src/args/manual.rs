//! The manual pages and the shells' completions, made from the table of keys and held against the
//! committed ones: `UPDATE_EXPECT=1 cargo test -p ringfence-cli manual` brings those up to date.

use clap_complete::Shell;
use clap_mangen::Man;
use expect_test::expect_file;

use super::full;

/// The page of ringfence itself, or of one of its commands.
fn page(name: Option<&str>) -> String {
    let whole = full::whole();
    let command = match name {
        None => whole,
        Some(name) => {
            let found = whole.find_subcommand(name).expect("a command of ringfence").clone();
            found.display_name(format!("ringfence-{name}"))
        }
    };
    let mut bytes = Vec::new();
    Man::new(command)
        .source(concat!("ringfence ", env!("CARGO_PKG_VERSION")))
        .render(&mut bytes)
        .expect("memory takes all that is written");
    String::from_utf8(bytes).expect("help is text")
}

fn completion(shell: Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut full::whole(), "ringfence", &mut bytes);
    String::from_utf8(bytes).expect("names are text")
}

#[test]
fn pages_are_those_of_this_table_of_keys() {
    expect_file!["../../../../docs/man/ringfence.1"].assert_eq(&page(None));
    for command in full::whole().get_subcommands() {
        let name = command.get_name();
        expect_file![format!("../../../../docs/man/ringfence-{name}.1")].assert_eq(&page(Some(name)));
    }
}

#[test]
fn completions_are_those_of_this_table_of_keys() {
    expect_file!["../../../../docs/completions/ringfence.bash"].assert_eq(&completion(Shell::Bash));
    expect_file!["../../../../docs/completions/_ringfence"].assert_eq(&completion(Shell::Zsh));
    expect_file!["../../../../docs/completions/ringfence.fish"].assert_eq(&completion(Shell::Fish));
}

/// Another way to the same: every flag of the table is in every file.
#[test]
fn no_flag_is_left_out() {
    let flags: Vec<String> = ringfence::policy::key::keys().filter_map(|key| key.flag()).collect();
    assert!(flags.len() > 30);
    let (pages, shells) = ([page(Some("run")), page(Some("check"))], [Shell::Bash, Shell::Zsh, Shell::Fish]);
    for flag in &flags {
        let escaped = flag.replace('-', "\\-");
        assert!(pages.iter().all(|page| page.contains(&escaped)), "{flag}");
        let long = flag.trim_start_matches('-');
        assert!(shells.iter().all(|shell| completion(*shell).contains(long)), "{flag}");
    }
}
