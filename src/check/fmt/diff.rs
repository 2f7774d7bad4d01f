//! The difference of two texts in unified form.
//!
//! Myers' algorithm ("An O(ND) difference algorithm and its variations", 1986) over lines. Texts that differ in more than [`MOST`] places are shown as
//! one replaced block: whoever gets so many will not read them.

use std::fmt::Write;

/// Lines around a change.
const CONTEXT: usize = 3;
/// Most single changes that are looked for.
const MOST: usize = 1_000;

/// What happens to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Same(usize, usize),
    Gone(usize),
    New(usize),
}

/// The difference, with the name of the file in its head; empty for equal texts.
pub(super) fn unified(name: &str, before: &str, after: &str) -> String {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let lines = script(&old, &new);
    let mut out = String::new();
    let changed: Vec<usize> = (0..lines.len())
        .filter(|&at| !matches!(lines[at], Line::Same(..)))
        .collect();
    let Some(&first) = changed.first() else {
        return out;
    };
    let _ = writeln!(out, "--- {name}\n+++ {name} (formatted)");
    let mut start = first;
    let mut end = first;
    for &at in &changed[1..] {
        if at - end > 2 * CONTEXT {
            hunk(&mut out, &lines, start, end, &old, &new);
            start = at;
        }
        end = at;
    }
    hunk(&mut out, &lines, start, end, &old, &new);
    out
}

fn hunk(out: &mut String, lines: &[Line], first: usize, last: usize, old: &[&str], new: &[&str]) {
    let shown = &lines[first.saturating_sub(CONTEXT)..(last + CONTEXT + 1).min(lines.len())];
    let before = lines[..first.saturating_sub(CONTEXT)].iter();
    let (mut old_at, mut new_at) = (0, 0);
    for line in before {
        old_at += usize::from(!matches!(line, Line::New(_)));
        new_at += usize::from(!matches!(line, Line::Gone(_)));
    }
    let old_count = shown.iter().filter(|l| !matches!(l, Line::New(_))).count();
    let new_count = shown.iter().filter(|l| !matches!(l, Line::Gone(_))).count();
    // An empty side names the line before it.
    let place = |at: usize, count: usize| if count == 0 { at } else { at + 1 };
    let _ = writeln!(
        out,
        "@@ -{},{old_count} +{},{new_count} @@",
        place(old_at, old_count),
        place(new_at, new_count)
    );
    for line in shown {
        let (mark, text) = match *line {
            Line::Same(at, _) => (' ', old[at]),
            Line::Gone(at) => ('-', old[at]),
            Line::New(at) => ('+', new[at]),
        };
        let _ = writeln!(out, "{mark}{}", text.trim_end_matches(['\r', '\n']));
        if !text.ends_with('\n') {
            let _ = writeln!(out, "\\ No newline at end of file");
        }
    }
}

fn script(old: &[&str], new: &[&str]) -> Vec<Line> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let pairs = old_rest.iter().rev().zip(new_rest.iter().rev());
    let tail = pairs.take_while(|(a, b)| a == b).count();
    let (a, b) = (
        &old_rest[..old_rest.len() - tail],
        &new_rest[..new_rest.len() - tail],
    );
    let mut lines: Vec<Line> = (0..head).map(|n| Line::Same(n, n)).collect();
    match shortest(a, b) {
        Some(middle) => lines.extend(middle.into_iter().map(|line| match line {
            Line::Same(x, y) => Line::Same(x + head, y + head),
            Line::Gone(x) => Line::Gone(x + head),
            Line::New(y) => Line::New(y + head),
        })),
        None => {
            lines.extend((0..a.len()).map(|n| Line::Gone(n + head)));
            lines.extend((0..b.len()).map(|n| Line::New(n + head)));
        }
    }
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    lines.extend((0..tail).map(|n| Line::Same(old_end + n, new_end + n)));
    lines
}

/// The shortest way from one list to the other; `None` when it is longer than [`MOST`].
fn shortest(a: &[&str], b: &[&str]) -> Option<Vec<Line>> {
    let (n, m) = (a.len() as isize, b.len() as isize);
    let most = MOST.min(a.len() + b.len()) as isize;
    // Furthest x on each diagonal k = x - y, from -most-1 to most+1.
    let slot = |k: isize| (k + most + 1) as usize;
    let mut furthest = vec![0_isize; 2 * most as usize + 3];
    let mut trace = Vec::new();
    for d in 0..=most {
        trace.push(furthest[slot(-d - 1)..=slot(d + 1)].to_vec());
        for k in (-d..=d).step_by(2) {
            let down = k == -d || (k != d && furthest[slot(k - 1)] < furthest[slot(k + 1)]);
            let mut x = if down {
                furthest[slot(k + 1)]
            } else {
                furthest[slot(k - 1)] + 1
            };
            while x < n && x - k < m && x - k >= 0 && a[x as usize] == b[(x - k) as usize] {
                x += 1;
            }
            furthest[slot(k)] = x;
            if x >= n && x - k >= m {
                return Some(back(&trace, n, m));
            }
        }
    }
    None
}

/// Goes back over what each step had reached.
fn back(trace: &[Vec<isize>], n: isize, m: isize) -> Vec<Line> {
    let (mut x, mut y) = (n, m);
    let mut lines = Vec::new();
    for (d, reached) in trace.iter().enumerate().rev() {
        let d = d as isize;
        // The kept piece begins at diagonal -d-1.
        let at = |k: isize| reached[(k + d + 1) as usize];
        let k = x - y;
        let down = k == -d || (k != d && at(k - 1) < at(k + 1));
        let before = if down { k + 1 } else { k - 1 };
        let (from_x, from_y) = match d {
            0 => (0, 0),
            _ => (at(before), at(before) - before),
        };
        while x > from_x && y > from_y {
            x -= 1;
            y -= 1;
            lines.push(Line::Same(x as usize, y as usize));
        }
        if d > 0 {
            if down {
                y -= 1;
                lines.push(Line::New(y as usize));
            } else {
                x -= 1;
                lines.push(Line::Gone(x as usize));
            }
        }
    }
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_its_surroundings() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
        let expected =
            "--- f\n+++ f (formatted)\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n";
        assert_eq!(unified("f", before, after), expected);
        assert_eq!(unified("f", before, before), "");
    }

    #[test]
    fn changes_far_from_each_other_are_two_pieces() {
        let before: String = (0..30).map(|n| format!("{n}\n")).collect();
        let after = before
            .replace("\n5\n", "\n")
            .replace("\n25\n", "\n25\nnew\n");
        let diff = unified("f", &before, &after);
        assert_eq!(diff.matches("@@ -").count(), 2, "{diff}");
        assert!(
            diff.contains("@@ -3,7 +3,6 @@") && diff.contains("@@ -24,6 +23,7 @@"),
            "{diff}"
        );
    }

    #[test]
    fn an_empty_side_and_a_missing_line_break_are_said() {
        assert_eq!(
            unified("f", "", "a"),
            "--- f\n+++ f (formatted)\n@@ -0,0 +1,1 @@\n+a\n\\ No newline at end of file\n"
        );
    }

    proptest! {
        #[test]
        fn the_script_leads_from_one_text_to_the_other(a in "[ab\n]{0,30}", b in "[ab\n]{0,30}") {
            let old: Vec<&str> = a.split_inclusive('\n').collect();
            let new: Vec<&str> = b.split_inclusive('\n').collect();
            let (mut from, mut to) = (Vec::new(), Vec::new());
            for line in script(&old, &new) {
                match line {
                    Line::Same(x, y) => {
                        prop_assert_eq!(old[x], new[y]);
                        from.push(old[x]);
                        to.push(new[y]);
                    }
                    Line::Gone(x) => from.push(old[x]),
                    Line::New(y) => to.push(new[y]),
                }
            }
            prop_assert_eq!(from, old);
            prop_assert_eq!(to, new);
        }
    }
}
