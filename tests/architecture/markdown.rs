//! One page of documentation, as the tests look at it: tables, code blocks, headings and links.

/// One page.
pub(crate) struct Page {
    /// Its path in the repository, with `/`.
    pub(crate) file: String,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block<'a> {
    /// What stands behind the fence: `yaml`, or nothing.
    pub(crate) language: &'a str,
    pub(crate) text: String,
}

impl Page {
    /// The row of a table whose first cell is this.
    pub(crate) fn row(&self, first: &str) -> Option<&str> {
        let start = format!("| {first} |");
        self.text.lines().find(|line| line.starts_with(&start))
    }

    /// The lines outside fenced blocks.
    pub(crate) fn prose(&self) -> impl Iterator<Item = &str> {
        let mut inside = false;
        self.text.lines().filter(move |line| {
            let fence = line.starts_with("```");
            inside ^= fence;
            !inside && !fence
        })
    }

    /// The fenced blocks.
    pub(crate) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut open: Option<Block<'_>> = None;
        for line in self.text.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(language), None) => {
                    let text = String::new();
                    open = Some(Block { language, text });
                }
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        blocks
    }

    /// The names by which links lead to its headings.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter(|line| line.starts_with('#'));
        let titles = headings.map(|line| line.trim_start_matches('#').trim());
        titles.map(anchor).collect()
    }

    /// The targets of its links.
    pub(crate) fn links(&self) -> Vec<&str> {
        let lines = self.prose().flat_map(|line| line.split("](").skip(1));
        lines.filter_map(|rest| rest.split(')').next()).collect()
    }
}

fn anchor(title: &str) -> String {
    let title = title.to_lowercase().replace(' ', "-");
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_');
    title.chars().filter(kept).collect()
}
