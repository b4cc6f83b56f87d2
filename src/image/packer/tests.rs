//! Templates as text, and what becomes of them.

mod ansible;
mod builds;
mod commands;
mod filters;
mod variables;

use super::*;

/// A folder with these files; the template is the first of them.
struct Case(tempfile::TempDir, std::path::PathBuf);

impl Case {
    fn of(files: &[(&str, &str)]) -> Case {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let template = folder.path().join(files[0].0);
        Case(folder, template)
    }

    /// The playbook, or what is wrong with the template.
    fn playbook(&self, vars: &[(&str, &str)], var_files: &[&str]) -> Result<String, String> {
        let vars = vars.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let inputs =
            Inputs { vars, var_files: var_files.iter().map(|name| self.0.path().join(name)).collect() };
        let (sources, mut diags) = (Sources::default(), Diags::default());
        let template = read(&self.1, &inputs, &sources, &mut diags);
        let translated = template.and_then(|template| translate(&template, &mut diags));
        let said: Vec<String> = diags.into_sorted().iter().map(|d| d.render(&sources, false)).collect();
        match translated.filter(|_| said.is_empty()) {
            Some(translated) => Ok(translated.playbook),
            None => Err(said.join("\n")),
        }
    }

    #[track_caller]
    fn yaml(&self, vars: &[(&str, &str)], var_files: &[&str]) -> serde_json::Value {
        let text = self.playbook(vars, var_files).unwrap_or_else(|said| panic!("{said}"));
        serde_yaml::from_str(&text).unwrap()
    }
}

/// The first builder of a template with this source, in HCL.
fn source(body: &str) -> Result<serde_json::Value, String> {
    let text = format!(
        "source \"amazon-ebs\" \"a\" {{\n{body}\n}}\nbuild {{\n  sources = [\"source.amazon-ebs.a\"]\n}}\n"
    );
    let text = Case::of(&[("t.pkr.hcl", &text)]).playbook(&[], &[])?;
    let plays: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    Ok(plays[0]["image"]["builders"][0].clone())
}
