//! Bad input: nothing is started, and the error says what to do.

use crate::harness::both;
use crate::verify;

both! {
    fn a_launcher_that_cannot_be(ground: &Ground) {
        let before = ground.picture();
        for (words, said) in [
            (&["--via", "/no/such/launcher {}"][..], "there is no program `/no/such/launcher`"),
            (&["--via", "nosuchlauncher"], "there is no program `nosuchlauncher`"),
            (&["--via", ""], "names no launcher"),
            (&["--via", "{}"], "names no launcher"),
            (&["--via", "env {} {}"], "more than once"),
            (&["--via", "env 'x"], "a quote is not closed"),
            (&["--via", "env", "--depth"], "--depth does not go with --via"),
            (&["--here", "--depth"], "--depth does not go with --via or --here"),
            (&["--via", "env", "--here"], "cannot be used with"),
            (&["--prober", "/x"], "--via"),
            (&["--via", "env", "--patience", "0"], "--patience"),
            (&["--via", "env", "no/such/policy.toml"], "no/such/policy.toml"),
        ] {
            let outcome = verify(ground, words).go();
            assert!(outcome.out.is_empty(), "{outcome}");
            outcome.exits(2).complains(said);
        }
        ground.nothing_left(&before);
    }

    /// Only for verifiers; by hand it says so.
    fn the_hidden_commands_do_nothing_by_hand(ground: &Ground) {
        let binary = ground.binary();
        for words in [&["__probe"][..], &["__probe", "x"], &["__probe", "AAAA", "BBBB"]] {
            ground.command(&binary, words).go().exits(2).complains("not for use by hand");
        }
        ground.command(&binary, &["__keep"]).go().exits(2);
    }
}
