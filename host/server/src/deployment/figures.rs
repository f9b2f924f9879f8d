//! A canary's plan and figures in words.

use crate::remote::{columns, list, number, one_line, text};
use crate::span;
use serde_json::Value;

/// A number without a fraction that says nothing.
fn plain(value: Option<&Value>) -> String {
    value.and_then(Value::as_f64).map_or_else(|| "-".into(), |value| format!("{}", (value * 100.0).round() / 100.0))
}

/// What a deployment's canary gets, in percent.
pub(super) fn share(deployment: &Value) -> String {
    let stage = number(deployment, "/canary/stage");
    plain(deployment.pointer(&format!("/canary/plan/stages/{stage}/weights/canary")))
}

fn percent(stage: &Value) -> String {
    format!("{} %", plain(stage.pointer("/weights/canary")))
}

/// How long a stage lasts at least; none if until somebody ends it.
fn lasts(stage: &Value) -> Option<String> {
    let of = |name: &str| stage.get(name).and_then(Value::as_u64);
    let (time, contacts) = (of("for_s"), of("contacts"));
    if time.is_none() && contacts.is_none() {
        return None;
    }
    let time = time.filter(|s| *s > 0).map(span::shown);
    let contacts = contacts.filter(|contacts| *contacts > 0).map(|contacts| format!("{contacts} contacts"));
    let both: Vec<String> = time.into_iter().chain(contacts).collect();
    Some(if both.is_empty() { "no time".into() } else { both.join(" and ") })
}

/// A stage: `1 % for 10m and 200 contacts`.
pub(super) fn stage(stage: &Value) -> String {
    let lasts =
        lasts(stage).map_or_else(|| "until it is promoted or taken back".into(), |lasts| format!("for {lasts}"));
    format!("{} {lasts}", percent(stage))
}

/// All stages, and what comes behind the last.
pub(super) fn stages(plan: &Value) -> String {
    let all = list(plan, "/stages");
    let Some(last) = all.last() else { return String::new() };
    let end = if lasts(last).is_some() { ", then it serves alone" } else { "" };
    let alike = all.iter().all(|stage| lasts(stage) == lasts(last));
    match lasts(last) {
        Some(each) if alike && all.len() > 1 => {
            let shares: Vec<String> = all.iter().map(percent).collect();
            format!("{}, each for {each}{end}", shares.join(", "))
        }
        _ => format!("{}{end}", all.iter().map(stage).collect::<Vec<_>>().join(", ")),
    }
}

/// A guard's figure, as figures name it.
fn figure(guard: &Value) -> String {
    let of = |name: &str| one_line(text(guard, name));
    match (text(guard, "/figure"), text(guard, "/question"), text(guard, "/value")) {
        ("containment", _, _) => "not-contained".into(),
        ("hang-ups", question, _) if !question.is_empty() => format!("hang-ups in `{}`", one_line(question)),
        ("attribute", _, "") => format!("attribute `{}`", of("/name")),
        ("attribute", _, value) => format!("attribute `{}` = `{}`", of("/name"), one_line(value)),
        (name, _, _) => one_line(name),
    }
}

/// What a guard asks for.
fn bound(guard: &Value) -> String {
    let worse = guard.get("worse_by").and_then(Value::as_f64).filter(|points| *points > 0.0);
    let worse =
        worse.map_or_else(|| "no worse".into(), |_| format!("{} points worse at most", plain(guard.get("worse_by"))));
    let most = guard.get("at_most").filter(|most| !most.is_null());
    let most = most.map(|most| format!(", {} % at most", plain(Some(most)))).unwrap_or_default();
    format!("{worse}{most}, from {} contacts", number(guard, "/minimum"))
}

/// Guards on a line.
pub(super) fn guards(plan: &Value) -> String {
    let all: Vec<String> = list(plan, "/guards").iter().map(figure).collect();
    if all.is_empty() { "none".into() } else { all.join(", ") }
}

fn part(value: &Value, arm: &str) -> String {
    let of = |name: &str| number(value, &format!("/{arm}/{name}"));
    format!("{} of {}", of("bad"), of("of"))
}

/// What both versions did, side by side, and what is asked of it.
pub(super) fn table(canary: &Value) -> Vec<String> {
    let window = span::shown(number(canary, "/plan/window_s"));
    let guards = list(canary, "/plan/guards");
    let figures = canary.get("figures").unwrap_or(&Value::Null);
    let mut rows = vec![
        [format!("WITHIN {window}"), "CANARY".into(), "STABLE".into(), "GUARD".into()],
        [
            "contacts".into(),
            number(figures, "/canary_contacts").to_string(),
            number(figures, "/stable_contacts").to_string(),
            String::new(),
        ],
        [
            "p99 of steps, ms".into(),
            plain(figures.get("canary_p99_ms")),
            plain(figures.get("stable_p99_ms")),
            String::new(),
        ],
    ];
    rows.extend(list(figures, "/compared").iter().map(|compared| {
        let name = one_line(text(compared, "/figure"));
        let guard = guards.iter().find(|guard| figure(guard) == name).map(bound).unwrap_or_default();
        [name, part(compared, "canary"), part(compared, "stable"), guard]
    }));
    columns(&rows)
}

/// A step's figures on a line; none if nothing was counted.
pub(super) fn line(figures: &Value) -> Option<String> {
    figures.as_object()?;
    let (canary, stable) = (number(figures, "/canary_contacts"), number(figures, "/stable_contacts"));
    let (fast, slow) = (plain(figures.get("canary_p99_ms")), plain(figures.get("stable_p99_ms")));
    let mut parts =
        vec![format!("canary beside stable: {canary} | {stable} contacts"), format!("p99 {fast} | {slow} ms")];
    let any = |compared: &&Value| number(compared, "/canary/bad") > 0 || number(compared, "/stable/bad") > 0;
    let bad = list(figures, "/compared").iter().filter(any).map(|compared| {
        format!("{} {} | {}", one_line(text(compared, "/figure")), part(compared, "canary"), part(compared, "stable"))
    });
    parts.extend(bad);
    Some(parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn figures() -> Value {
        let compared = |name: &str, canary: [u32; 2], stable: [u32; 2]| {
            let [[bad, of], [stable_bad, stable_of]] = [canary, stable];
            json!({ "figure": name, "canary": { "bad": bad, "of": of }, "stable": { "bad": stable_bad, "of": stable_of } })
        };
        json!({ "canary_contacts": 40, "stable_contacts": 400, "canary_p99_ms": 1.41, "stable_p99_ms": null, "looks": 3,
            "compared": [compared("traps", [0, 40], [0, 380]), compared("hang-ups in `menu`", [3, 30], [1, 300])] })
    }

    #[test]
    fn stages_are_told_in_words() {
        let weights = |canary: f64| json!({ "canary": canary });
        for (all, expected) in [
            (
                json!([{ "weights": weights(1.0), "for_s": 600, "contacts": 200 }, { "weights": weights(100.0), "for_s": 90 }]),
                "1 % for 10m and 200 contacts, 100 % for 90s, then it serves alone",
            ),
            (
                json!([{ "weights": weights(1.0), "for_s": 600 }, { "weights": weights(12.5), "for_s": 600 }]),
                "1 %, 12.5 %, each for 10m, then it serves alone",
            ),
            (json!([{ "weights": weights(0.25) }]), "0.25 % until it is promoted or taken back"),
            (
                json!([{ "weights": weights(5.0), "for_s": 0, "contacts": 3 }]),
                "5 % for 3 contacts, then it serves alone",
            ),
        ] {
            assert_eq!(stages(&json!({ "stages": all })), expected);
        }
    }

    #[test]
    fn figures_stand_beside_each_other_and_their_guards() {
        let guards = json!([
            { "figure": "traps", "worse_by": 0.0, "minimum": 5 },
            { "figure": "hang-ups", "question": "menu", "worse_by": 2.5, "at_most": 60.25, "minimum": 20 },
        ]);
        let canary = json!({ "plan": { "window_s": 1800, "guards": guards }, "figures": figures() });
        let expected = "\
WITHIN 30m          CANARY   STABLE    GUARD
contacts            40       400
p99 of steps, ms    1.41     -
traps               0 of 40  0 of 380  no worse, from 5 contacts
hang-ups in `menu`  3 of 30  1 of 300  2.5 points worse at most, 60.25 % at most, from 20 contacts";
        assert_eq!(table(&canary).join("\n"), expected);
    }

    #[test]
    fn a_step_tells_what_went_wrong_on_a_line() {
        let expected =
            "canary beside stable: 40 | 400 contacts; p99 1.41 | - ms; hang-ups in `menu` 3 of 30 | 1 of 300";
        assert_eq!(line(&figures()).as_deref(), Some(expected));
        assert_eq!(line(&Value::Null), None);
    }
}
