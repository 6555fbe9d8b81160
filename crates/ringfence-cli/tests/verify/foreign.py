"""Reads what `ringfence verify` prints with parsers that share no code with it, and says what is
wrong: foreign.py FORMAT FILE JSON [SCHEMA]. JSON is the same run's --format json, to count by. SCHEMA
is for python3-jsonschema, or for xmllint."""

import collections
import html.parser
import json
import subprocess
import sys
import xml.etree.ElementTree as tree

wrong = []


def hold(what, message):
    if not what:
        wrong.append(message)


def counts(path):
    with open(path, encoding="utf-8") as file:
        findings = json.load(file)["findings"]
    claims = [one for one in findings if one["claim"] != "none"]
    return collections.Counter(one["verdict"] for one in claims), findings


def valid(document, schema, draft):
    if schema:
        import jsonschema

        with open(schema, encoding="utf-8") as file:
            validator = getattr(jsonschema, draft)(json.load(file))
        validator.check_schema(validator.schema)
        for error in list(validator.iter_errors(document))[:5]:
            wrong.append(f"{list(error.path)}: {error.message}")


def once(pairs):
    hold(len({name for name, _ in pairs}) == len(pairs), "a name twice in one object")
    return dict(pairs)


def own(text, found, findings, schema):
    log = json.loads(text, object_pairs_hook=once)
    valid(log, schema, "Draft202012Validator")
    ids = [one["id"] for one in log["findings"]]
    hold(len(set(ids)) == len(ids), "an id twice")
    for one in log["findings"]:
        hold(one["id"].split("/")[0] == one["part"], f"{one['id']} is of the part {one['part']}")
        hold(one["depth"] is None or one["depth"] == len(one["controls"]), f"{one['id']}: depth")
    summary = log["summary"]
    for verdict in ("held", "broken", "unverifiable"):
        hold(summary[verdict] == found[verdict], f"{verdict}: {summary[verdict]} and {found[verdict]}")
    reachable = sum(one["verdict"] == "reachable" for one in findings)
    hold(summary["reachable"] == reachable, f"reachable: {summary['reachable']} and {reachable}")
    attempts = sum(one["attempts"] for one in findings)
    hold(summary["attempts"] == attempts, f"attempts: {summary['attempts']} and {attempts}")


def baseline(text, _found, findings, schema):
    kept = json.loads(text, object_pairs_hook=once)
    valid(kept, schema, "Draft202012Validator")
    told = {one["id"]: one["verdict"] for one in findings}
    claims = {name: state.split(" by ")[0] for name, state in kept["claims"].items()}
    hold(claims == told, f"{set(claims.items()) ^ set(told.items())}")
    sum_ = 0xCBF29CE484222325
    for part in ("host", "claims"):
        for name in sorted(kept[part], key=str.encode):
            for byte in f"{name}={kept[part][name]}\n".encode():
                sum_ = (sum_ ^ byte) * 0x100000001B3 & (1 << 64) - 1
    hold(kept["checksum"] == f"{sum_:016x}", "another checksum")


def sarif(text, found, findings, schema):
    log = json.loads(text)
    valid(log, schema, "Draft4Validator")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    ids = [rule["id"] for rule in rules]
    hold(len(set(ids)) == len(ids), "a rule twice")
    for rule in rules:
        for key in ("shortDescription", "fullDescription", "help"):
            hold(rule[key]["text"].strip(), f"rule {rule['id']} without {key}")
    prints = set()
    kinds = collections.Counter()
    for result in run["results"]:
        kind, level = result["kind"], result["level"]
        kinds[kind] += 1
        # Section 3.27.10: a level other than none is for kind fail only.
        hold((kind == "fail") == (level != "none"), f"{kind} with level {level}")
        hold(ids[result["ruleIndex"]] == result["ruleId"], "ruleIndex and ruleId differ")
        hold(result["message"]["text"].strip(), "no message")
        prints.add(json.dumps(result["partialFingerprints"]))
        for location in result["locations"]:
            place = location.get("physicalLocation")
            if place:
                hold(place["region"]["startLine"] >= 1, "no line")
                hold(" " not in place["artifactLocation"]["uri"], "a uri with a space")
    hold(len(prints) == len(run["results"]), "two results with one fingerprint")
    hold(kinds["fail"] == found["broken"], f"{kinds} and {found}")
    told = collections.Counter(one["verdict"] for one in findings if one["claim"] == "none")
    hold(kinds["open"] == found["unverifiable"] + told["unverifiable"], f"open: {kinds}, {found}, {told}")
    hold(kinds["pass"] == found["held"] + told["held"], f"pass: {kinds}, {found}, {told}")


def junit(text, found, _findings, schema):
    if schema:
        lint = ["xmllint", "--noout", "--nonet", "--schema", schema, "-"]
        said = subprocess.run(lint, input=text.encode(), capture_output=True, check=False)
        hold(said.returncode == 0, said.stderr.decode()[:500])
    root = tree.fromstring(text)
    hold(root.tag == "testsuites", root.tag)
    total = collections.Counter()
    for suite in root:
        hold(suite.tag == "testsuite", suite.tag)
        cases = suite.findall("testcase")
        seen = collections.Counter(tests=len(cases))
        for case in cases:
            hold(case.get("name") and case.get("classname"), "a case without a name")
            hold(len(case) <= 1, "a case with two results")
            for child in case:
                hold(child.tag in ("failure", "skipped"), child.tag)
                hold(child.get("message") if child.tag == "failure" else child.text, "no message")
                hold(child.tag == "failure" or child.text.startswith("unverifiable: "), child.text)
                seen["failures" if child.tag == "failure" else "skipped"] += 1
        for name in ("tests", "failures", "errors", "skipped"):
            hold(int(suite.get(name)) == seen[name], f"{suite.get('name')}: {name}")
        total += seen
    for name in ("tests", "failures", "errors"):
        hold(int(root.get(name)) == total[name], f"all: {name}")
    hold(total["failures"] == found["broken"], f"{total} and {found}")
    hold(total["skipped"] == found["unverifiable"], f"{total} and {found}")
    hold(total["tests"] == sum(found.values()), f"{total} and {found}")


class Page(html.parser.HTMLParser):
    """Every element is closed, and nothing is fetched or run."""

    VOID = ("meta", "br")

    def __init__(self):
        super().__init__()
        self.open, self.words = [], collections.Counter()

    def handle_starttag(self, tag, attrs):
        hold(tag not in ("script", "img", "link", "iframe", "object"), tag)
        hold(not any(name in ("src", "href") or name.startswith("on") for name, _ in attrs), str(attrs))
        if tag not in self.VOID:
            self.open.append(tag)
        self.words.update(value for name, value in attrs if tag == "td" and name == "class")

    def handle_endtag(self, tag):
        hold(self.open and self.open.pop() == tag, f"</{tag}>")


def page(text, _found, findings, _schema):
    parser = Page()
    parser.feed(text)
    hold(not parser.open, f"not closed: {parser.open}")
    for verdict, number in collections.Counter(one["verdict"] for one in findings).items():
        hold(parser.words[verdict] == number, f"{verdict}: {parser.words[verdict]} rows, not {number}")


def main(kind, file, counted, schema=None):
    with open(file, encoding="utf-8") as opened:
        text = opened.read()
    found, findings = counts(counted)
    kinds = {"json": own, "baseline": baseline, "sarif": sarif, "junit": junit, "html": page}
    kinds[kind](text, found, findings, schema)
    for line in wrong[:20]:
        print(line)
    sys.exit(bool(wrong))


main(*sys.argv[1:])
