// Package documents holds the actions that read, change and write texts: files of the workspace, JSON and YAML
// documents, and values of a step. They are those of the community: Roadie's roadiehq:utils:*, json:merge-file,
// json:merge-files, yaml:merge and regex:replace. They cannot leave the workspace, and create nothing outside
// of it. Packages yamltext, jsonata and nunjucks have the languages.
package documents

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/workspace"
	"github.com/portico-dev/portico/scaffolder/yamltext"
)

//go:embed schema
var schemas embed.FS

// schema is a published schema: "write.input".
func schema(name string) json.RawMessage {
	content, err := schemas.ReadFile("schema/" + name + ".json")
	if err != nil {
		panic(err) // The names are constants, and the tests use each of them.
	}
	return content
}

// Options are what the actions work with.
type Options struct {
	// Enter limits the memory of what is read and made under the returned context; nil sets no limit. The
	// caller calls leave once the result is written.
	Enter func(ctx context.Context) (entered context.Context, leave func())
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	if options.Enter == nil {
		options.Enter = func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
	}
	actions := []action.Action{sleepAction{}}
	for _, each := range []textAction{
		writeFile, appendFile, parseFile, replaceInFiles, merge, mergeJSON, evaluate, transformJSON, transformYAML,
		serializeJSON, serializeYAML, zipFiles, mergeFile, mergeFiles, mergeYAML, replaceRegex,
	} {
		each.options = options
		actions = append(actions, each)
	}
	return actions
}

// textAction is an action of this package: what it says of itself, and its run.
type textAction struct {
	action.NoEffects
	options     Options
	description action.Description
	run         func(ctx context.Context, call *action.Call) (action.Output, error)
}

func (a textAction) Describe() action.Description { return a.description }

// Run runs the action within the limit of memory.
func (a textAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	ctx, leave := a.options.Enter(ctx)
	defer leave()
	return a.run(ctx, call)
}

// maxFileBytes bounds a file that is read as a whole.
const maxFileBytes = 16 << 20

// readFile reads a file of the workspace.
func readFile(ctx context.Context, call *action.Call, name string) (string, error) {
	path, err := workspace.Resolve(call.Workspace, name)
	if err != nil {
		return "", err
	}
	return readPath(ctx, call.Workspace, path)
}

// readPath reads a file at a path that is resolved.
func readPath(ctx context.Context, root *os.Root, path string) (text string, err error) {
	file, err := root.Open(path)
	if err != nil {
		return "", workspace.ExplainPath(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return "", workspace.ExplainPath(path, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileBytes {
		return "", action.InputError("%s is not a file of at most %d MiB", path, maxFileBytes>>20)
	}
	if err := budget.Of(ctx).Acquire(ctx, 2*int(info.Size())); err != nil {
		return "", failure("reading "+path, err)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes))
	return string(content), workspace.ExplainPath(path, err)
}

// writeText writes a file of the workspace and makes the directories above it. It returns the file's full
// path.
func writeText(call *action.Call, name, content string) (string, error) {
	path, err := workspace.Resolve(call.Workspace, name)
	if err != nil {
		return "", err
	}
	if err := call.Workspace.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", workspace.ExplainPath(name, err)
	}
	if err := call.Workspace.WriteFile(path, []byte(content), 0o644); err != nil {
		return "", workspace.ExplainPath(name, workspace.ExplainDisk(err))
	}
	return full(call.Workspace, path), nil
}

// full is the absolute path of a path in the workspace, as Backstage has it in log lines and outputs.
func full(root *os.Root, path string) string { return filepath.Join(root.Name(), path) }

// failure classifies an error of reading or making a value: one of the machine may pass, others do not.
func failure(doing string, err error) error {
	switch {
	case fault.KindOf(err) == fault.Unavailable:
		return action.Transient(err, 0)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return action.InputError("%s: %w", doing, err)
}

// isThere reports whether the workspace has a file of that name.
func isThere(call *action.Call, name string) (bool, error) {
	path, err := workspace.Resolve(call.Workspace, name)
	if err != nil {
		return false, err
	}
	_, err = call.Workspace.Stat(path)
	return err == nil, nil
}

// decodeJSON reads JSON as JavaScript does.
func decodeJSON(ctx context.Context, name string, text []byte) (nunjucks.Value, error) {
	value, err := nunjucks.DecodeJSONWithin(ctx, text)
	if err != nil {
		return nil, failure(name, err)
	}
	return value, nil
}

// encodeJSON writes an output value. Undefined has no JSON: it returns nil.
func encodeJSON(ctx context.Context, name string, value nunjucks.Value) (json.RawMessage, error) {
	if value == nunjucks.Undefined {
		return nil, nil
	}
	encoded, err := nunjucks.EncodeJSONWithin(ctx, value)
	if err != nil {
		return nil, failure(name, err)
	}
	return encoded, nil
}

// maxSpace is how much of JSON.stringify's third argument counts.
const maxSpace = 10

// stringify is JavaScript's JSON.stringify: with a list of names only their members are written, in its order.
func stringify(value nunjucks.Value, names []string, space string) (string, error) {
	if names != nil {
		value = only(value, names)
	}
	if runes := []rune(space); len(runes) > maxSpace {
		space = string(runes[:maxSpace])
	}
	encoded, err := nunjucks.EncodeJSONIndent(value, space)
	if err != nil {
		return "", failure("JSON", err)
	}
	return string(encoded), nil
}

// only is a value with no other members than those of the names.
func only(value nunjucks.Value, names []string) nunjucks.Value {
	switch value := value.(type) {
	case *nunjucks.Object:
		kept := nunjucks.NewObject()
		for _, name := range names {
			if member, has := value.Get(name); has {
				kept.Set(name, only(member, names))
			}
		}
		return kept
	case *nunjucks.Array:
		kept := &nunjucks.Array{Items: make([]nunjucks.Value, len(value.Items))}
		for i, item := range value.Items {
			kept.Items[i] = only(item, names)
		}
		return kept
	}
	return value
}

// yamlOf writes a value as YAML.
func yamlOf(ctx context.Context, value nunjucks.Value, options yamltext.Options) (string, error) {
	text, err := yamltext.Write(ctx, value, options)
	if err != nil {
		return "", failure("YAML", err)
	}
	return text, nil
}
