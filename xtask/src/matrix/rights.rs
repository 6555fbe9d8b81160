//! What a policy that asks for every right is given in a guest: requested and actual, as
//! `ringfence check` says it of two plans, one with a view of its own and one without.

use std::collections::BTreeMap;

use ringfence_matrix::frame::End;

use super::verdict::JobSeen;

/// A plan, and what `check` gets for it.
const PLANS: [(&str, &str); 2] = [
    ("with a view", ""),
    (
        "without a view",
        "--namespaces-unshare= --namespaces-unshare=user --namespaces-unshare=pid --namespaces-unshare=ipc \
         --namespaces-unshare=uts --namespaces-unshare=cgroup --namespaces-unshare=time --fs-proc=none \
         --fs-dev=none --fs-tmp= --fs-deny=",
    ),
];
/// Places of the view: one right, however many paths.
const PLACES: &str = "mount.place";

/// The script of the job: sh(1).
pub(super) fn script(ringfence: &str) -> String {
    let mut text = String::from("cd /tmp; f=/tmp/rights-$$\n");
    for (name, flags) in PLANS {
        text += &format!(
            "set -f; echo 'plan {name}'; {ringfence} check --format json --policy /guest/policy/every-right.toml \
             {flags} -- /usr/bin/true >$f 2>$f.error; echo \"status $?\"
cat $f; sed -n 's/^ringfence: error[^:]*: /refused /p;s/^error[^:]*: /refused /p' $f.error\n"
        );
    }
    text + "rm -f $f $f.error\n"
}

/// One right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Right {
    /// What was asked, in words.
    pub(super) requested: String,
    /// Why it is not given; `None`: it is.
    pub(super) missing: Option<String>,
}

/// Each right by its name, and why a plan was refused as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) rights: BTreeMap<String, Right>,
    pub(super) refused: Vec<(String, String)>,
}

impl Rights {
    /// What a job said.
    ///
    /// # Errors
    /// Why its words cannot be believed.
    pub(super) fn read(job: &JobSeen) -> Result<Self, String> {
        if job.end != Some(End::Exited(0)) {
            return Err(format!("check did not end well: {:?}", job.end));
        }
        let mut rights = Self::default();
        let plans: Vec<usize> =
            (0..job.lines.len()).filter(|at| job.lines[*at].starts_with("plan ")).collect();
        if plans.len() != PLANS.len() {
            return Err(format!("{} plans were checked, not {}", plans.len(), PLANS.len()));
        }
        for (number, from) in plans.iter().enumerate() {
            let to = plans.get(number + 1).copied().unwrap_or(job.lines.len());
            rights.add(PLANS[number].0, &job.lines[from + 1..to])?;
        }
        if rights.rights.is_empty() && rights.refused.is_empty() {
            return Err("check said nothing".to_owned());
        }
        Ok(rights)
    }

    fn add(&mut self, plan: &str, lines: &[String]) -> Result<(), String> {
        let (status, rest) = match lines.iter().position(|line| line.starts_with("status ")) {
            Some(at) => (&lines[at]["status ".len()..], &lines[at + 1..]),
            None => return Err(format!("the status of the plan {plan} is not known")),
        };
        match status {
            "0" => self.given(&rest.join("\n")),
            "2" => {
                let whys = rest.iter().filter_map(|line| line.strip_prefix("refused "));
                let whys: Vec<_> = whys.map(|why| (plan.to_owned(), why.to_owned())).collect();
                if whys.is_empty() {
                    return Err(format!("the plan {plan} was refused without a reason"));
                }
                self.refused.extend(whys);
                Ok(())
            }
            other => Err(format!("check of the plan {plan} ended with {other}")),
        }
    }

    /// A right that any plan lacks is not given.
    fn given(&mut self, text: &str) -> Result<(), String> {
        let plan: serde_json::Value =
            serde_json::from_str(text).map_err(|error| format!("a plan is not whole: {error}"))?;
        let promises = plan["promises"].as_array().ok_or("a plan has no promises")?;
        for promise in promises {
            let (Some(name), Some(requested), Some(given)) =
                (promise["name"].as_str(), promise["requested"].as_str(), promise["given"].as_bool())
            else {
                return Err("a promise is not whole".to_owned());
            };
            let missing = promise["missing"].as_str().map(str::to_owned);
            if given == missing.is_some() {
                return Err(format!("{name} is both given and missing, or neither"));
            }
            let requested = if name == PLACES { "every place of the view" } else { requested };
            let right = Right { requested: requested.to_owned(), missing };
            let known = self.rights.entry(name.to_owned()).or_insert_with(|| right.clone());
            if known.missing.is_none() {
                *known = right;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(lines: &str, end: End) -> JobSeen {
        JobSeen { lines: lines.lines().map(str::to_owned).collect(), end: Some(end) }
    }

    fn plan(name: &str, given: bool) -> String {
        let missing = if given { "null" } else { "\"needs ABI 9\"" };
        format!(
            "{{\"promises\":[{{\"name\":\"{name}\",\"requested\":\"x\",\"given\":{given},\"missing\":{missing}}}]}}"
        )
    }

    #[test]
    fn what_one_plan_lacks_is_not_given() {
        let text = format!(
            "plan with a view\nstatus 0\n{}\nplan without a view\nstatus 0\n{}",
            plan("landlock.files", false),
            plan("landlock.files", true)
        );
        let rights = Rights::read(&job(&text, End::Exited(0))).unwrap();
        assert_eq!(rights.rights["landlock.files"].missing.as_deref(), Some("needs ABI 9"));
    }

    #[test]
    fn a_plan_that_is_refused_says_why() {
        let text = format!(
            "plan with a view\nstatus 2\nrefused no view here\nplan without a view\nstatus 0\n{}",
            plan("seccomp.filter", true)
        );
        let rights = Rights::read(&job(&text, End::Exited(0))).unwrap();
        assert_eq!(rights.refused, [("with a view".to_owned(), "no view here".to_owned())]);
        assert_eq!(rights.rights["seccomp.filter"].missing, None);
    }

    #[test]
    fn half_an_answer_is_none() {
        let whole =
            format!("plan with a view\nstatus 0\n{0}\nplan without a view\nstatus 0\n{0}", plan("x", true));
        for text in [
            whole.replace("status 0", "status 101"),
            whole.replace("status 0\n", ""),
            whole.replace("plan without a view", ""),
            whole.replace("\"given\":true", "\"given\":false"),
            whole.replace("]}", ""),
            whole.replace("status 0", "status 2"),
        ] {
            assert!(Rights::read(&job(&text, End::Exited(0))).is_err(), "{text}");
        }
        assert!(Rights::read(&job(&whole, End::Hung)).is_err());
    }
}
