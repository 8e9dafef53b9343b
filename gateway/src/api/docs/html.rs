//! Writes HTML: everything that is not markup of ours passes the escape.

/// A page under construction.
pub(super) struct Html(String);

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8881}\
body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:20rem minmax(0,1fr)}\
nav{padding:1rem;border-right:1px solid var(--line);height:100vh;overflow:auto;position:sticky;top:0;box-sizing:border-box}\
nav h2{font-size:1rem;margin:1rem 0 .2rem}nav ul{list-style:none;margin:0;padding:0;font-size:.85rem}\
nav li{overflow-wrap:anywhere}main{padding:1rem 2rem 4rem;max-width:52rem}\
section{border-top:1px solid var(--line);padding:.5rem 0}section:target,:target{background:var(--soft)}\
h3{font-family:ui-monospace,monospace;font-size:1rem;overflow-wrap:anywhere}h4{margin:.8rem 0 .2rem}\
pre,code{font:.85rem/1.4 ui-monospace,monospace;background:var(--soft);border-radius:4px}\
pre{padding:.6rem;overflow:auto}code{padding:0 .2em}dl{margin:0}dt{margin-top:.5rem;font-size:.9rem}\
dd{margin:0 0 0 1.2rem}a{color:LinkText}\
@media(max-width:50rem){body{display:block}nav{height:auto;position:static;border:0}main{padding:1rem}}";

impl Html {
    /// The head and the open body of a page.
    pub(super) fn page(title: &str) -> Self {
        let mut html = Self(String::from(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">",
        ));
        html.element("title", title);
        html.open("style");
        html.0.push_str(STYLE);
        html.close("style");
        html.close("head");
        html.open("body");
        html
    }

    pub(super) fn finish(mut self) -> String {
        self.close("body");
        self.close("html");
        self.0
    }

    pub(super) fn open(&mut self, tag: &'static str) {
        self.0.push('<');
        self.0.push_str(tag);
        self.0.push('>');
    }

    pub(super) fn close(&mut self, tag: &'static str) {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push_str(">\n");
    }

    pub(super) fn element(&mut self, tag: &'static str, text: &str) {
        self.open(tag);
        self.text(text);
        self.close(tag);
    }

    pub(super) fn heading(&mut self, tag: &'static str, anchor: &str, text: &str) {
        self.0.push('<');
        self.0.push_str(tag);
        self.0.push_str(" id=\"");
        self.text(anchor);
        self.0.push_str("\">");
        self.text(text);
        self.close(tag);
    }

    pub(super) fn link(&mut self, anchor: &str, text: &str) {
        self.0.push_str("<a href=\"#");
        self.text(anchor);
        self.0.push_str("\">");
        self.text(text);
        self.close("a");
    }

    pub(super) fn strong(&mut self, text: &str) {
        self.open("p");
        self.element("strong", text);
        self.close("p");
    }

    pub(super) fn code(&mut self, text: &str) {
        self.element("code", text);
    }

    pub(super) fn preformatted(&mut self, text: &str) {
        self.element("pre", text);
    }

    pub(super) fn definition(&mut self, prose: &str) {
        self.open("dd");
        self.prose(prose);
        self.close("dd");
    }

    /// A paragraph, unless there is nothing to say.
    pub(super) fn paragraph(&mut self, prose: &str) {
        if prose.is_empty() {
            return;
        }
        self.open("p");
        self.prose(prose);
        self.close("p");
    }

    /// Text in which every second part between back-quotes is code.
    fn prose(&mut self, prose: &str) {
        for (index, part) in prose.split('`').enumerate() {
            if index % 2 == 1 {
                self.code(part);
            } else {
                self.text(part);
            }
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_shown_stays_text() {
        let mut html = Html(String::new());
        html.heading("h3", "\" onclick=\"", "<b>'&");
        html.paragraph("say `<i>` now");
        assert_eq!(
            html.0,
            "<h3 id=\"&quot; onclick=&quot;\">&lt;b&gt;&#39;&amp;</h3>\n\
             <p>say <code>&lt;i&gt;</code>\n now</p>\n"
        );
    }
}
