// Package pages writes the sites that the benches of documentation build.
package pages

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
)

var (
	nouns = strings.Fields(`service queue worker tenant ledger payment invoice order cluster gateway token policy schema index shard cache
		job event topic consumer producer release rollout incident alert dashboard metric trace budget owner team plan template catalog entity
		component system domain resource group user role permission run step action log`)
	verbs = strings.Fields(`reads writes sends stores checks retries drops keeps merges splits moves opens closes starts stops watches renders
		parses signs rotates grants revokes lists counts resolves loads`)
	adjectives = strings.Fields(`slow fast small large shared local remote stale fresh signed empty default internal public safe strict idle busy
		primary secondary temporary durable regional nightly`)
	kinds     = strings.Fields("note tip warning info danger example question success abstract bug")
	languages = []struct{ name, code string }{
		{"python", "def {a}_{b}(client, {c}: str) -> dict:\n    \"\"\"Return the {b} of one {c}.\"\"\"\n    rows = client.query(\"select * from {b} where id = %s\", {c})\n    if not rows:\n        raise KeyError({c})\n    return {\"id\": {c}, \"count\": {n}}\n"},
		{"go", "func (s *Server) {a}(ctx context.Context, id string) error {\n\trow := s.db.QueryRow(ctx, \"select {b} from {c} where id = $1\", id)\n\tvar name string\n\tif err := row.Scan(&name); err != nil {\n\t\treturn fmt.Errorf(\"{a}: %w\", err)\n\t}\n\treturn nil // {n}\n}\n"},
		{"yaml", "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {a}-{b}\n  annotations:\n    backstage.io/techdocs-ref: dir:.\nspec:\n  type: {c}\n  lifecycle: production\n  owner: team-{n}\n"},
		{"bash", "export URL=\"https://{b}.example.org/v{n}\"\ncurl -fsS \"${URL}/{c}\" | jq \".items[] | .name\"\nfor i in $(seq 1 {n}); do\n  ./bin/{a} --{b} \"$i\" || exit 1\ndone\n"},
		{"json", "{\n  \"{a}\": {n},\n  \"{b}\": [\"{c}\", true, null],\n  \"nested\": {\"{c}\": {\"limit\": {n}, \"path\": \"/var/{a}\"}}\n}\n"},
		{"sql", "select {a}.id, count(*) as {b}s\nfrom {a}\nleft join {c} on {c}.{a}_id = {a}.id\nwhere {c}.created_at > now() - interval '{n} days'\ngroup by {a}.id\norder by {b}s desc;\n"},
	}
)

// writer writes a site of pages of about 4 kB, in folders of twenty, with a nav of one section for each folder. The same number of pages
// and seed give the same bytes.
type writer struct {
	random        *rand.Rand
	paths, titles []string
}

// Write writes a site into a folder.
func Write(folder string, pages int, seed uint64) error {
	w := &writer{random: rand.New(rand.NewPCG(7, seed))} //nolint:gosec // A benchmark needs the same numbers each time.
	nav := w.plan(pages)
	files := map[string]string{"mkdocs.yml": nav}
	for i := range 4 {
		files[fmt.Sprintf("docs/img/d%d.svg", i)] = fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="60"><rect width="100%%" height="60"/></svg>`+"\n", 100+40*i)
	}
	for i := range w.paths {
		files["docs/"+w.paths[i]] = w.page(i)
	}
	for name, content := range files {
		full := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// plan names the pages, and returns mkdocs.yml.
func (w *writer) plan(pages int) string {
	w.paths, w.titles = []string{"index.md"}, []string{"Handbook"}
	var nav strings.Builder
	fmt.Fprintf(&nav, "site_name: Handbook %d\nsite_description: Generated for a benchmark\nplugins:\n  - techdocs-core\nnav:\n  - Handbook: index.md\n", pages)
	folder := ""
	for i := range pages - 1 {
		if i%20 == 0 {
			folder = fmt.Sprintf("%s-%s-%02d", w.one(adjectives), w.one(nouns), i/20)
			fmt.Fprintf(&nav, "  - %s:\n", title(strings.ReplaceAll(folder, "-", " ")))
		}
		name := fmt.Sprintf("%s/%s-%s-%03d.md", folder, w.one(adjectives), w.one(nouns), i)
		w.paths = append(w.paths, name)
		w.titles = append(w.titles, title(w.one(adjectives))+" "+w.one(nouns)+" "+w.one(nouns))
		fmt.Fprintf(&nav, "      - %s: %s\n", w.titles[i+1], name)
	}
	return nav.String()
}

func title(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func (w *writer) one(words []string) string { return words[w.random.IntN(len(words))] }

func (w *writer) sentence(here string) string {
	s := fmt.Sprintf("The %s %s %s the %s %s", w.one(adjectives), w.one(nouns), w.one(verbs), w.one(adjectives), w.one(nouns))
	switch w.random.IntN(9) {
	case 0:
		s += " and **never** the " + w.one(nouns)
	case 1:
		s += ", see " + w.link(here)
	case 2:
		s += " with `" + w.one(nouns) + "_" + w.one(nouns) + "`"
	case 3:
		s += " when *" + w.one(nouns) + "* is " + w.one(adjectives)
	case 4:
		s += fmt.Sprintf(" after %d retries", 2+w.random.IntN(88))
	case 5:
		s += " (https://" + w.one(nouns) + ".example.org/" + w.one(nouns) + ")"
	}
	return s + "."
}

func (w *writer) link(here string) string {
	to := w.random.IntN(len(w.paths))
	relative, err := filepath.Rel(path.Dir(here), w.paths[to])
	if err != nil {
		relative = here // cannot happen: both are relative
	}
	return fmt.Sprintf("[%s](%s%s)", strings.ToLower(w.titles[to]), filepath.ToSlash(relative), w.one([]string{"", "", "#overview"}))
}

func (w *writer) paragraph(here string, sentences int) string {
	lines := make([]string, sentences)
	for i := range lines {
		lines[i] = w.sentence(here)
	}
	return strings.Join(lines, "\n")
}

func (w *writer) code() (language, code string) {
	l := languages[w.random.IntN(len(languages))]
	return l.name, strings.NewReplacer("{a}", w.one(nouns), "{b}", w.one(nouns), "{c}", w.one(nouns), "{n}", fmt.Sprint(2+w.random.IntN(97))).Replace(l.code)
}

func indent(text string, by int) string {
	return strings.Repeat(" ", by) + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+strings.Repeat(" ", by)) + "\n"
}

func (w *writer) page(i int) string {
	here := w.paths[i]
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	add("# %s\n\n%s\n\n## Overview\n\n%s\n", w.titles[i], w.paragraph(here, 3), w.paragraph(here, 4))
	for range 2 {
		add("- %s\n  - %s\n  - %s", w.sentence(here), w.sentence(here), w.sentence(here))
	}
	language, code := w.code()
	add("\n```%s%s\n%s```\n", language, w.one([]string{"", "", ` title="` + w.one(nouns) + `.txt"`, ` hl_lines="2"`}), code)
	add("## %s %s\n\n!!! %s\n%s", title(w.one(adjectives)), w.one(nouns), w.one(kinds), indent(w.paragraph(here, 2), 4))
	add("| Key | Default | Meaning |\n|:----|:-------:|--------:|")
	for range 4 + w.random.IntN(4) {
		add("| `%s_%s` | `%d` | %s %s |", w.one(nouns), w.one(nouns), w.random.IntN(9999), w.one(adjectives), w.one(nouns))
	}
	language, code = w.code()
	add("\n%s\n\n### Steps\n\n1. %s\n\n%s\n2. %s\n3. %s\n", w.paragraph(here, 3), w.sentence(here), indent("```"+language+"\n"+code+"```", 3), w.sentence(here), w.sentence(here))
	add("%s\n", w.extra(here))
	add("## %s\n\n> %s\n", title(w.one(nouns)), w.sentence(here))
	for limit := 3900 + w.random.IntN(300); b.Len() < limit; {
		add("%s\n", w.paragraph(here, 2))
	}
	return b.String()
}

// extra is what not each page has.
func (w *writer) extra(here string) string {
	switch w.random.IntN(5) {
	case 0:
		return "??? question \"Why " + w.one(nouns) + "?\"\n" + indent(w.paragraph(here, 2), 4)
	case 1:
		first, one := w.code()
		second, other := w.code()
		return fmt.Sprintf("=== \"%s\"\n\n%s\n=== \"%s 2\"\n\n%s", first, indent("```"+first+"\n"+one+"```", 4), second, indent("```"+second+"\n"+other+"```", 4))
	case 2:
		return "Known limits[^1] apply.\n\n[^1]: " + w.sentence(here)
	case 3:
		return "- [x] " + w.sentence(here) + "\n- [ ] " + w.sentence(here)
	}
	relative, err := filepath.Rel(path.Dir(here), fmt.Sprintf("img/d%d.svg", w.random.IntN(4)))
	if err != nil {
		relative = "" // cannot happen: both are relative
	}
	return fmt.Sprintf("![%s](%s)", w.one(nouns), filepath.ToSlash(relative))
}
