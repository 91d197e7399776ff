package fetch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// templateAction is fetch:template.
type templateAction struct {
	action.NoEffects
	options Options
}

func (templateAction) Describe() action.Description {
	return action.Description{
		ID: "fetch:template",
		Description: "Downloads a skeleton, templates variables into file and directory names and content, and places the result in the workspace, " +
			"or optionally in a subdirectory specified by the `targetPath` input option.",
		InputSchema:    templateInput,
		SupportsDryRun: true,
		UsesWorkspace:  true,
		Differences: []string{
			"`copyWithoutRender` is heeded, as in releases of Backstage before 2.0 of its scaffolder: neither name nor content is rendered. " +
				"Today's Backstage ignores it.",
			"A pattern that begins with `./` selects the same as without it, and one that is the exact name of a file selects that file. In Backstage " +
				"the former selects nothing, and brackets in the latter are always a pattern.",
			"A text that is not UTF-8 is copied as it is, with a warning. Backstage writes U+FFFD for what it cannot read.",
		},
		Examples: []action.Example{
			{Description: "Fill in the skeleton beside the template", Example: `steps:
  - id: skeleton
    name: Fill in the skeleton
    action: fetch:template
    input:
      url: ./skeleton
      values:
        name: ${{ parameters.name }}
        owner: ${{ parameters.owner }}
`},
			{Description: "Leave files alone that have braces of their own, and replace what an earlier step made", Example: `steps:
  - id: charts
    name: Fill in the charts
    action: fetch:template
    input:
      url: https://github.com/acme/skeletons/tree/main/chart
      targetPath: ./deploy
      replace: true
      copyWithoutTemplating:
        - templates/**
      values:
        name: ${{ parameters.name }}
`},
			{Description: "Fill in only files that say that they are templates", Example: `steps:
  - id: skeleton
    name: Fill in the skeleton
    action: fetch:template
    input:
      url: ./skeleton
      templateFileExtension: .tmpl
      trimBlocks: true
      lstripBlocks: true
      values:
        name: ${{ parameters.name }}
`},
		},
	}
}

// language is the input that says how a skeleton is rendered: the dialect and the values.
type language struct {
	Values             json.RawMessage
	CookiecutterCompat bool
	TrimBlocks         bool
	LstripBlocks       bool
}

// templateRequest is the input of fetch:template.
type templateRequest struct {
	request
	language
	TargetPath string
	// CopyWithoutRender is Backstage's older rule, which its present release ignores: neither the name nor
	// the content is rendered.
	CopyWithoutRender     []string
	CopyWithoutTemplating []string
	TemplateFileExtension extension
	Replace               bool
}

// extension is the input's templateFileExtension: a string with or without its dot, or true for .njk. Empty
// means none.
type extension string

// UnmarshalJSON reads both forms.
func (e *extension) UnmarshalJSON(data []byte) error {
	if string(data) == "true" {
		*e = ".njk"
		return nil
	}
	if string(data) == "false" {
		*e = ""
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if text != "" && !strings.HasPrefix(text, ".") {
		text = "." + text
	}
	*e = extension(text)
	return nil
}

// Run renders a skeleton into the workspace.
func (a templateAction) Run(ctx context.Context, call *action.Call) (_ action.Output, err error) {
	var input templateRequest
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	call.Log.Info("Fetching template content from remote URL")
	if input.TemplateFileExtension != "" && (input.CopyWithoutTemplating != nil || input.CookiecutterCompat) {
		return nil, action.InputError("Fetch action input extension incompatible with copyWithoutTemplating and cookiecutterCompat")
	}
	target, err := openTarget(call.Workspace, input.TargetPath)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	source, closeSource, err := a.options.openTree(ctx, call, input.request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeSource()) }()
	return nil, a.options.fill(ctx, call, input, source, target)
}

// fill renders a tree into a directory.
func (o Options) fill(ctx context.Context, call *action.Call, input templateRequest, source, target *os.Root) error {
	skeleton, err := o.newSkeleton(ctx, call, input, source, target)
	if err != nil {
		return err
	}
	if err := skeleton.write(ctx); err != nil {
		return err
	}
	call.Log.Info("Template result written to %s", filepath.Clean(target.Name()))
	return nil
}

// skeleton is a tree to be rendered into a directory.
type skeleton struct {
	source, target *os.Root
	log            action.Log
	renderer       renderer
	replace        bool
	extension      string
	entries        []entry
	// verbatim selects entries that are not rendered at all, unrendered those of which only the name is.
	verbatim, unrendered workspace.Globs
}

func (o Options) newSkeleton(ctx context.Context, call *action.Call, input templateRequest, source, target *os.Root) (*skeleton, error) {
	call.Log.Info("Listing files and directories in template")
	entries, err := list(source, call.Log)
	if err != nil {
		return nil, err
	}
	made := &skeleton{
		source: source, target: target, log: call.Log, replace: input.Replace, extension: string(input.TemplateFileExtension), entries: entries,
	}
	if made.verbatim, err = workspace.NewGlobs(source.FS(), input.CopyWithoutRender); err != nil {
		return nil, err
	}
	if made.unrendered, err = workspace.NewGlobs(source.FS(), input.CopyWithoutTemplating); err != nil {
		return nil, err
	}
	if made.renderer, err = o.newRenderer(ctx, input.language); err != nil {
		return nil, err
	}
	call.Log.Info("Processing %d template files/directories with input values%s", len(entries), made.renderer.shown)
	return made, nil
}

// output is the planned result of one entry.
type output struct {
	entry
	// name is the path below the target.
	name string
	// render says that the content is a template.
	render bool
	// note is the first log line of the entry, "" for none.
	note string
	// replaced says that a later entry has the same name and wins.
	replaced bool
}

// write renders everything. Names are decided one after another, because an earlier entry of the same name
// may win; contents are rendered on all processors, and logged in the order of the entries. The entries
// before one that fails are written and logged.
func (s *skeleton) write(ctx context.Context) error {
	outputs, planErr := s.plan(ctx)
	written, err := inParallel(ctx, len(outputs), func(ctx context.Context, index int) (logged, error) {
		return s.writeOutput(ctx, outputs[index])
	})
	for index, each := range written {
		if outputs[index].note != "" {
			s.log.Info("%s", outputs[index].note)
		}
		s.log.Info("%s", each.line)
		if each.warning != "" {
			s.log.Warn("%s", each.warning)
		}
	}
	return cmp.Or(err, planErr)
}

// plan decides what is written where, and creates the directories. With an error it returns the outputs
// before it.
func (s *skeleton) plan(ctx context.Context) ([]output, error) {
	var outputs []output
	taken := map[string]int{}
	made := directories{root: s.target}
	for _, each := range s.entries {
		planned, err := s.planEntry(ctx, each)
		if err != nil {
			return outputs, err
		}
		earlier, isTaken := taken[planned.name]
		if planned.name == "" || !s.replace && (isTaken || s.exists(planned.name)) {
			continue
		}
		if isTaken && !each.isDirectory() {
			outputs[earlier].replaced = true
		}
		taken[planned.name] = len(outputs)
		if each.isDirectory() {
			err = s.target.MkdirAll(planned.name, 0o755)
		} else {
			err = made.above(planned.name)
		}
		if err != nil {
			return outputs, workspace.ExplainPath(planned.name, err)
		}
		outputs = append(outputs, planned)
	}
	return slices.DeleteFunc(outputs, func(o output) bool { return o.replaced }), nil
}

func (s *skeleton) exists(name string) bool {
	_, err := s.target.Stat(name)
	return err == nil
}

// planEntry decides the name of an entry and whether it is rendered. An empty name leaves it out.
func (s *skeleton) planEntry(ctx context.Context, each entry) (output, error) {
	planned := output{entry: each, render: true}
	location := strings.TrimSuffix(each.location, "/")
	verbatim, err := s.verbatim.Match(location)
	if err != nil {
		return planned, err
	}
	isUnrendered, err := s.unrendered.Match(location)
	if err != nil {
		return planned, err
	}
	rendered := each.location
	switch {
	case s.extension != "":
		planned.render = !verbatim && !each.isDirectory() && extensionOf(location) == s.extension
		if planned.render {
			rendered = strings.TrimSuffix(location, s.extension)
		}
	case verbatim || isUnrendered:
		planned.render = false
		planned.note = fmt.Sprintf("Copying file/directory %s without processing.", each.location)
	}
	if !verbatim {
		if rendered, err = s.renderer.render(ctx, rendered); err != nil {
			return planned, s.renderer.failure(ctx, "name of "+each.location, err)
		}
	}
	if rendered == "" || strings.HasPrefix(rendered, "/") || strings.Contains(rendered, "//") {
		return planned, nil
	}
	planned.name = path.Clean(rendered)
	if !filepath.IsLocal(planned.name) {
		return planned, workspace.ErrOutside
	}
	return planned, nil
}

// extensionOf is the extension as Node has it: a name that begins with its only dot has none.
func extensionOf(location string) string {
	name := path.Base(location)
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		return name[dot:]
	}
	return ""
}

// logged is what the log says of an entry that was written. The warning may be empty.
type logged struct{ line, warning string }

// writeOutput writes one entry and returns what the log says of it.
func (s *skeleton) writeOutput(ctx context.Context, planned output) (logged, error) {
	if planned.isDirectory() {
		return logged{line: fmt.Sprintf("Writing directory %s to template output path.", planned.location)}, nil
	}
	copied := logged{line: fmt.Sprintf("Copying file binary or symbolic link at %s, to template output path.", planned.location)}
	if planned.isLink() {
		return copied, workspace.ExplainPath(planned.name, copyEntry(s.source, s.target, planned.entry, planned.name))
	}
	file, err := s.source.Open(planned.location)
	if err != nil {
		return logged{}, action.Final(fmt.Errorf("reading the template: %w", err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return logged{}, action.Final(fmt.Errorf("reading the template: %w", err))
	}
	head := make([]byte, sniffBytes+reserveBytes)
	size, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return logged{}, action.Final(fmt.Errorf("reading the template: %w", err))
	}
	content := io.MultiReader(bytes.NewReader(head[:size]), file)
	if isBinary(head[:size]) {
		return copied, workspace.ExplainPath(planned.name, replaceFile(s.target, planned.name, info.Mode().Perm(), content))
	}
	line := fmt.Sprintf("Writing file %s to template output path with mode %d.", planned.location, statMode(info.Mode()))
	warning, err := s.writeText(ctx, planned, info.Mode().Perm(), info.Size(), content)
	return logged{line, warning}, err
}

// statMode is the mode of a regular file as stat(2) has it.
func statMode(mode fs.FileMode) uint32 {
	const regular = 0o100000
	return regular | uint32(mode.Perm())
}

// writeText writes a text, rendered or not. What is not in UTF-8 cannot be rendered without damage, and is
// copied with a warning; Backstage would put U+FFFD in the place of what it cannot read.
func (s *skeleton) writeText(ctx context.Context, planned output, mode fs.FileMode, size int64, content io.Reader) (warning string, err error) {
	if !planned.render {
		return "", workspace.ExplainPath(planned.name, writeFile(s.target, planned.name, mode, content))
	}
	ctx, leave := s.renderer.enter(ctx)
	defer leave()
	source, err := readSource(ctx, content, size)
	if err != nil {
		return "", s.renderer.failure(ctx, planned.location, err)
	}
	if at := notUTF8(source); at >= 0 {
		return notUTF8Warning(planned.location, at), workspace.ExplainPath(planned.name, writeFile(s.target, planned.name, mode, io.MultiReader(strings.NewReader(source), content)))
	}
	if len(source) > maxSourceBytes {
		return "", action.InputError("%s is larger than the %d MiB that a file to be filled in may have: copy it with copyWithoutTemplating", planned.location, maxSourceBytes>>20)
	}
	rendered, err := s.renderer.render(ctx, source)
	if err != nil {
		return "", s.renderer.failure(ctx, planned.location, err)
	}
	return "", workspace.ExplainPath(planned.name, writeFile(s.target, planned.name, mode, strings.NewReader(rendered)))
}

// maxSourceBytes bounds a file that is rendered. It is the limit of the template language.
var maxSourceBytes = nunjucks.DefaultLimits.SourceBytes

// readSource reads a text of about the given size. Of one that is too long to render it reads little more
// than the limit.
func readSource(ctx context.Context, content io.Reader, size int64) (string, error) {
	// A character may be cut at the end of what is read.
	expected := min(int(size), maxSourceBytes+utf8.UTFMax)
	if err := budget.Of(ctx).Acquire(ctx, 2*expected); err != nil {
		return "", err
	}
	var source strings.Builder
	source.Grow(expected)
	if _, err := io.Copy(&source, io.LimitReader(content, int64(maxSourceBytes)+utf8.UTFMax)); err != nil {
		return "", action.Final(fmt.Errorf("reading the template: %w", err))
	}
	return source.String(), nil
}

// notUTF8 is the position of the first byte that is not UTF-8, -1 when there is none. A last character may be
// cut off.
func notUTF8(text string) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if cut := len(text) > maxSourceBytes && len(text)-at < utf8.UTFMax; cut {
			return -1
		}
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// notUTF8Warning is the log line for a text that was copied because it is not UTF-8.
func notUTF8Warning(name string, at int) string {
	return fmt.Sprintf("%s is not UTF-8 (byte %d) and was copied as it is: nothing in it is filled in. Save it as UTF-8 if something should be.", name, at)
}

// writeFile writes a file. A new one gets the mode as far as the process's umask lets it; one that is there
// keeps its own.
func writeFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) (err error) {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, content)
	return err
}

// templateFileAction is fetch:template:file.
type templateFileAction struct {
	action.NoEffects
	options Options
}

func (templateFileAction) Describe() action.Description {
	return action.Description{
		ID:             "fetch:template:file",
		Description:    "Downloads single file and places it in the workspace.",
		InputSchema:    templateFileInput,
		SupportsDryRun: true,
		UsesWorkspace:  true,
		Examples: []action.Example{
			{Description: "Fill in one file beside the template", Example: `steps:
  - id: readme
    name: Write the README
    action: fetch:template:file
    input:
      url: ./README.md.njk
      targetPath: README.md
      replace: true
      values:
        name: ${{ parameters.name }}
`},
		},
	}
}

// Run renders one file into the workspace, unless it is there already.
func (a templateFileAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		request
		language
		TargetPath string
		Replace    bool
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	target, err := workspace.Resolve(call.Workspace, input.TargetPath)
	if err != nil {
		return nil, err
	}
	if _, err := call.Workspace.Stat(target); err == nil && !input.Replace {
		call.Log.Info("File %s already exists in workspace, not replacing.", input.TargetPath)
		return nil, nil
	}
	call.Log.Info("Fetching template file content from remote URL")
	content, err := a.options.readFile(ctx, call, input.request)
	if err != nil {
		return nil, err
	}
	return nil, a.options.fillFile(ctx, call, input.language, filling{input.URL, target, content})
}

// renderer renders texts with the values of one step. It is safe for concurrent use.
type renderer struct {
	environment *nunjucks.Environment
	enter       func(ctx context.Context) (context.Context, func())
	data        *nunjucks.Object
	// shown is appended to a log line: a space and the values as JSON, or nothing.
	shown string
}

func (o Options) newRenderer(ctx context.Context, written language) (renderer, error) {
	made := renderer{
		environment: o.Templates(written.CookiecutterCompat, written.TrimBlocks, written.LstripBlocks),
		enter:       o.Enter,
		data:        nunjucks.NewObject(),
	}
	if written.Values == nil {
		return made, nil
	}
	ctx, leave := o.Enter(ctx)
	defer leave()
	values, err := nunjucks.DecodeJSONWithin(ctx, written.Values)
	if fault.KindOf(err) == fault.Unavailable {
		return made, action.Transient(err, 0)
	}
	if err != nil {
		return made, action.InputError("values: %s", err)
	}
	if written.CookiecutterCompat {
		made.data.Set("cookiecutter", values)
	} else {
		made.data.Set("values", values)
	}
	made.shown, err = show(written.Values)
	return made, err
}

// show writes values as Backstage's log does: in one line, keys in order, nothing for an empty object.
func show(values json.RawMessage) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(values))
	decoder.UseNumber()
	var decoded map[string]any
	if err := decoder.Decode(&decoded); err != nil {
		return "", action.InputError("values: %s", err)
	}
	if len(decoded) == 0 {
		return "", nil
	}
	sorted, err := plainjson.Marshal(decoded)
	if err != nil {
		return "", action.Final(fmt.Errorf("values: %w", err))
	}
	return " " + string(sorted), nil
}

func (r renderer) render(ctx context.Context, text string) (string, error) {
	ctx, leave := r.enter(ctx)
	defer leave()
	template, err := r.environment.ParseWithin(ctx, text)
	if err != nil {
		return "", err
	}
	return template.Render(ctx, r.data)
}

// failure says what could not be rendered. It is final, unless the step was cancelled or memory was short.
func (r renderer) failure(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var classified *action.Error
	switch {
	case errors.As(err, &classified):
		return err
	case fault.KindOf(err) == fault.Unavailable:
		return action.Transient(fmt.Errorf("rendering %s: %w", what, err), 0)
	}
	return action.Final(fmt.Errorf("rendering %s: %w", what, err))
}
