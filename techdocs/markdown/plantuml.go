package markdown

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// plantuml says how diagrams are drawn, and by which servers.
type plantuml struct {
	servers                            []diagramServer
	classes, alt, format, title, theme string
	post, fallback, maps, keepSize     bool
	noTheme                            []string
}

type diagramServer struct {
	url   string
	kroki bool
}

func (c *Converter) newPlantUML() error {
	const name = "plantuml_markdown"

	if !c.has(name) {
		return nil
	}

	e := c.extensions
	c.plantuml = &plantuml{
		classes:  e.text(name, "classes", "uml"),
		alt:      e.text(name, "alt", "uml diagram"),
		format:   e.text(name, "format", "png"),
		title:    e.text(name, "title", ""),
		theme:    strings.TrimSpace(e.text(name, "theme", "")),
		post:     strings.TrimSpace(e.text(name, "http_method", "GET")) == "POST",
		fallback: e.flag(name, "fallback_to_get", true),
		maps:     e.flag(name, "image_maps", true),
		keepSize: !e.flag(name, "remove_inline_svg_size", true),
		noTheme:  []string{"version", "listfonts", "stdlib", "license"},
	}

	values := e.list(name, "servers")

	switch server := e[name]["server"].(type) {
	case nil:
	case []any:
		values = server
	default:
		if text := fmt.Sprint(server); text != "" {
			values = []any{text}
		}
	}

	if text, ok := e[name]["kroki_server"].(string); ok && !isYes(text) && !strings.EqualFold(text, "false") {
		values = append([]any{text}, values...)
	}

	for _, value := range values {
		if server, ok := newDiagramServer(value); ok {
			c.plantuml.servers = append(c.plantuml.servers, server)
		}
	}

	return nil
}

func newDiagramServer(value any) (diagramServer, bool) {
	url, ok := value.(string)
	kroki := strings.Contains(url, "kroki")

	if entry, isMapping := value.(map[string]any); isMapping {
		url, ok = entry["url"].(string)
		kroki = strings.Contains(url, "kroki")

		if choice, given := entry["kroki"]; given {
			kroki = truth(choice)
		}
	}

	if !ok || url == "" {
		return diagramServer{}, false
	}

	if kroki && !strings.Contains(url, "/plantuml") {
		url += "/plantuml/"
	}

	if !strings.HasSuffix(url, "/") {
		url += "/"
	}

	return diagramServer{url: url, kroki: kroki}, true
}

const umlArguments = `\s*(?:id=(?:"([-\w]+?)"|'([-\w]+?)'))?\s*(?:format=(?:"(\w+)"|'(\w+)'))?\s*(?:classes=(?:"([\w\s]+)"|'([\w\s]+)'))?` +
	`\s*(?:alt=(?:"(.*?)"|'(.*?)'))?\s*(?:title=(?:"(.*?)"|'(.*?)'))?\s*(?:width=(?:"([\w\s"']+%?)"|'([\w\s"']+%?)'))?` +
	`\s*(?:height=(?:"([\w\s"']+%?)"|'([\w\s"']+%?)'))?\s*(?:source=(?:"(.*?)"|'(.*?)'))?`

//nolint:gochecknoglobals // Immutable.
var (
	umlFence  = regexp.MustCompile("([ ]*)(~~~|```)[ ]*(?:\\{?\\.?((?:(?:c4)?plant)?uml))[ ]*" + umlArguments + `[ ]*\}?[ ]*\n`)
	umlBlock  = regexp.MustCompile(`([ ]*)(::uml::)()` + umlArguments + `\s*\n`)
	longFence = regexp.MustCompile("~{4,}|`{4,}")
)

// diagrams replaces PlantUML by pictures that the servers draw.
func (p *page) diagrams(text string) string {
	if !strings.Contains(text, "uml") {
		return text
	}

	var out strings.Builder

	for p.failure == nil {
		d, ok := findDiagram(text)
		if skip := longFence.FindStringIndex(text); skip != nil && (!ok || skip[0] < d.start) {
			end := strings.Index(text[skip[1]:], text[skip[0]:skip[1]])
			if end >= 0 {
				end = min(skip[1]+end+skip[1]-skip[0]+1, len(text))
				out.WriteString(text[:end])
				text = text[end:]

				continue
			}
		}

		if !ok {
			break
		}

		out.WriteString(text[:d.start])
		out.WriteString(d.indent + p.diagram(d))

		text = text[d.end:]
	}

	return out.String() + text
}

// A diagram is the source of one, and where it is in a text.
type diagram struct {
	start, end                                             int
	indent, code                                           string
	id, format, classes, alt, title, width, height, source string
}

func findDiagram(text string) (diagram, bool) {
	if d, ok := findDiagramBy(umlFence, "", text); ok {
		return d, true
	}

	return findDiagramBy(umlBlock, "::end-uml::", text)
}

func findDiagramBy(pattern *regexp.Regexp, closing, text string) (diagram, bool) {
	missing := map[string]bool{}

	for _, m := range pattern.FindAllStringSubmatchIndex(text, -1) {
		d := diagram{start: m[0], indent: submatch(text, m, 1)}

		last := closing
		if last == "" {
			last = submatch(text, m, 2)
		}

		// What does not end a diagram does not end the next one, either.
		if missing[d.indent+last] {
			continue
		}

		missing[d.indent+last] = true

		for line := m[1]; line < len(text); {
			end, next := lineEnd(text, line)
			if rest, ok := strings.CutPrefix(text[line:end], d.indent+last); ok && strings.Trim(rest, " ") == "" {
				d.code, d.end = text[m[1]:line], end

				for i, field := range []*string{&d.id, &d.format, &d.classes, &d.alt, &d.title, &d.width, &d.height, &d.source} {
					const first = 4

					*field = submatch(text, m, first+2*i) + submatch(text, m, first+2*i+1)
				}

				return d, true
			}

			line = next
		}
	}

	return diagram{}, false
}

// diagram draws one.
func (p *page) diagram(d diagram) string {
	u := p.conv.plantuml
	first, _, _ := strings.Cut(strings.TrimSpace(d.code), "\n")
	line := max(p.lineOf(first)-1, 0)

	if len(u.servers) > 0 && p.input.Fetch == nil {
		p.fail(line, "a PlantUML diagram needs a server that may be asked here: whoever operates Portico adds "+strings.TrimSuffix(u.servers[0].url, "/")+
			" to portico.techdocs.diagrams.servers; or remove the diagram")

		return ""
	}

	if len(u.servers) == 0 {
		p.fail(line, "a PlantUML diagram needs a server that draws it: set servers of plantuml_markdown in mkdocs.yml, or remove the diagram")

		return ""
	}

	if d.source != "" {
		code, err := p.readInclude(d.source)
		if err != nil {
			return errorBox("Cannot find external diagram source: " + d.source)
		}

		d.code = string(code) + d.code
	}

	format := d.format
	if format == "" {
		format = u.format
	}

	requested := "png"

	switch format {
	case "svg", "svg_object", "svg_inline":
		requested = "svg"
	case "txt":
		requested = "txt"
	}

	picture, message := p.draw(u.withTheme(d.code), requested)
	if message != "" {
		p.warn(line, message)

		return errorBox(message)
	}

	return p.picture(d, format, picture)
}

func errorBox(message string) string { return `<div style="color: red">` + message + `</div>` }

func (p *page) readInclude(name string) ([]byte, error) {
	if p.input.Snippet == nil {
		return nil, fault.New(fault.Input, "%s is not there", name)
	}

	return p.input.Snippet(name)
}

func (u *plantuml) withTheme(code string) string {
	const start = "@startuml\n"

	if u.theme == "" {
		return code
	}

	code = trimLeft(code)
	rest, started := strings.CutPrefix(code, start)
	rest = trimLeft(rest)

	for _, command := range u.noTheme {
		if strings.HasPrefix(rest, command) {
			return code
		}
	}

	if started {
		return start + "!theme " + u.theme + "\n" + rest
	}

	return "\n!theme " + u.theme + "\n" + code
}

// draw asks the servers one after the other.
func (p *page) draw(code, format string) (picture []byte, message string) {
	for _, server := range p.conv.plantuml.servers {
		if p.conv.plantuml.post {
			if answer, err := p.input.Fetch(p.ctx, "POST", server.url+"/"+format+"/", []byte(code)); err == nil {
				return answer, ""
			}

			if !p.conv.plantuml.fallback {
				continue
			}
		}

		answer, err := p.input.Fetch(p.ctx, "GET", server.url+format+"/"+server.encode(code), nil)
		if err == nil {
			return answer, ""
		}

		message = err.Error()

		if err := context.Cause(p.ctx); err != nil {
			p.checkContext()

			return nil, message
		}
	}

	if message == "" {
		message = "[uml directive] No server available"
	}

	return nil, message
}

// encode compresses a diagram for the address.
func (s diagramServer) encode(code string) string {
	level := zlib.DefaultCompression
	if s.kroki {
		level = zlib.BestCompression
	}

	var out bytes.Buffer

	writer, err := zlib.NewWriterLevel(&out, level)
	if err != nil {
		return ""
	}

	// Writing into memory does not fail.
	_, _ = writer.Write([]byte(code))
	_ = writer.Close()

	if s.kroki {
		return base64.URLEncoding.EncodeToString(out.Bytes())
	}

	const header, checksum = 2, 4

	alphabet := base64.NewEncoding("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_")

	return alphabet.EncodeToString(out.Bytes()[header : out.Len()-checksum])
}

// picture is the HTML of a picture.
func (p *page) picture(d diagram, format string, content []byte) string {
	u := p.conv.plantuml
	data := base64.StdEncoding.EncodeToString(content)

	switch format {
	case "txt":
		return p.stash.Store(`<pre><code class="text">` + html.EscapeString(string(content)) + "</code></pre>")
	case "svg_inline":
		return p.stash.Store(inlinePicture(d, u, string(content)))
	case "svg":
		img := tree.New("img", "src", "data:image/svg+xml;base64,"+data)
		d.describe(img, u)

		return img.HTML()
	case "svg_object":
		object := tree.New("object", "data", "data:image/svg+xml;base64,"+data)
		d.describe(object, u)

		return object.HTML()
	}

	img := tree.New("img", "src", "data:image/png;base64,"+data)
	d.describe(img, u)

	return img.HTML()
}

func (d diagram) describe(e *tree.Element, u *plantuml) {
	or := func(text, preset string) string {
		if text == "" {
			return preset
		}

		return text
	}

	var styles []string

	if style := strings.TrimSuffix(e.Get("style"), ";"); style != "" {
		styles = append(styles, style)
	}

	if d.width != "" {
		styles = append(styles, "max-width:"+d.width)
	}

	if d.height != "" {
		styles = append(styles, "max-height:"+d.height)
	}

	if len(styles) > 0 {
		e.Set("style", strings.Join(styles, ";"))
		e.Set("width", "100%")
		e.Unset("height")
	}

	e.Set("class", or(d.classes, u.classes))
	e.Set("alt", or(d.alt, u.alt))
	e.Set("title", or(d.title, u.title))

	if d.id != "" {
		e.Set("id", d.id)
	}
}

//nolint:gochecknoglobals // Immutable.
var (
	xmlHeader   = regexp.MustCompile(`^<\?xml .*?\?>`)
	sizeInStyle = regexp.MustCompile(`\b(?:width|height):\d+px;`)
)

// inlinePicture is an SVG that becomes part of the page. What it has is the server's; the reader removes what could act.
func inlinePicture(d diagram, u *plantuml, svg string) string {
	svg = xmlHeader.ReplaceAllString(svg, "")

	n, _, ok := tagLength(svg + " ")
	if !ok || !strings.HasPrefix(svg, "<svg") {
		return errorBox("The server of diagrams did not return a picture")
	}

	tag := readTag(svg[:n])
	e := tree.New("svg")

	for _, attr := range tag.attrs {
		e.Set(attr.Key, attr.Value)
	}

	if !u.keepSize {
		e.Set("style", sizeInStyle.ReplaceAllString(e.Get("style"), ""))
	}

	e.Set("preserveAspectRatio", "xMaxYMax meet")
	d.describe(e, u)

	open := strings.TrimSuffix(e.HTML(), "</svg>")

	return open + svg[n:]
}
