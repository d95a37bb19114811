//! Programs that argument lists name: there, executable, and not outside of
//! what a person trusts.

use std::{os::unix::fs::PermissionsExt, path::Path};

use super::Check;

pub(super) fn check(check: &Check<'_>) {
    for (file, parsed) in check.files.iter().enumerate() {
        for (program, span) in &parsed.reading.programs {
            if program.starts_with('/') {
                absolute(check, file, span.clone(), Path::new(program));
            } else if program.contains('/') {
                relative(check, file, span.clone(), program);
            }
        }
    }
}

/// An absolute path may lead back into the estate, past what trust covers.
fn absolute(check: &Check<'_>, file: usize, span: std::ops::Range<usize>, program: &Path) {
    let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    let inside = real.strip_prefix(check.dir).ok().or_else(|| program.strip_prefix(check.dir).ok());
    let Some(inside) = inside else { return };
    if inside.starts_with(".git") || inside.starts_with(".lifeboat") {
        let hint = Some("move it to another folder of the estate".to_owned());
        check.error(file, span, "a program outside of what is trusted", hint);
    } else {
        let hint = Some(format!("write \"./{}\", so that the copy a run makes is used", inside.display()));
        check.warn(file, span, "an absolute path into the estate", hint);
    }
}

fn relative(check: &Check<'_>, file: usize, span: std::ops::Range<usize>, program: &str) {
    match check.dir.join(program).metadata() {
        Ok(data) if data.is_file() && data.permissions().mode() & 0o111 != 0 => {}
        Ok(_) => {
            let hint = Some(format!("chmod +x {program}"));
            check.warn(file, span, format!("{program} cannot be executed"), hint);
        }
        Err(_) => {
            let what = format!("there is no {program} in the estate");
            check.warn(file, span, what, Some("paths are relative to the estate's folder".to_owned()));
        }
    }
}
