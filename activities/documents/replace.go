package documents

import (
	"context"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// replacement is one item of the input of fs:replace.
type replacement struct {
	File, Find                  string
	ReplaceWith                 *string
	MatchRegex, IncludeDotFiles bool
}

var replaceInFiles = textAction{run: runReplace, description: action.Description{
	ID:          "roadiehq:utils:fs:replace",
	Description: "Replaces text in files of the workspace, wherever it is in them.",
	InputSchema: schema("replace.input"), SupportsDryRun: true, UsesWorkspace: true,
	Differences: []string{
		"replaceWith may be empty, which removes the text. Backstage's action refuses it.",
		"Without matchRegex replaceWith is taken literally. In Backstage's action, $& and $$ have a meaning there, too.",
		"A file that is not UTF-8 is left as it is, with a warning. Backstage's action writes U+FFFD for what it cannot read.",
		"A pattern that matches no file is a warning in the log.",
		"A regular expression that takes longer than a second for a match fails.",
	},
	Examples: []action.Example{
		{Description: "Rename a package in all files of a language", Example: `steps:
  - id: rename
    name: Rename the package
    action: roadiehq:utils:fs:replace
    input:
      files:
        - file: "**/*.java"
          find: com.example.skeleton
          replaceWith: com.acme.${{ parameters.name }}
`},
		{Description: "Raise the version with a regular expression, also in files whose names begin with a dot", Example: `steps:
  - id: raise
    name: Raise the version
    action: roadiehq:utils:fs:replace
    input:
      files:
        - file: "**/*.yml"
          find: "version: (\\d+)\\.\\d+"
          replaceWith: "version: $1.7"
          matchRegex: true
          includeDotFiles: true
`},
	},
}}

func runReplace(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct{ Files []replacement }
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	for _, each := range input.Files {
		if err := each.apply(ctx, call); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (r replacement) apply(ctx context.Context, call *action.Call) error {
	if r.File == "" {
		return action.InputError("Path to file needs to be defined")
	}
	if r.Find == "" || r.ReplaceWith == nil {
		return action.InputError("each file must have a find and replaceWith property")
	}
	replace, err := r.replacer()
	if err != nil {
		return err
	}
	paths, err := r.paths(ctx, call)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		call.Log.Warn("No file matches %s", r.File)
	}
	for _, each := range paths {
		if err := replaceIn(ctx, call, each, replace); err != nil {
			return err
		}
	}
	return nil
}

// replacer returns the function that changes a text.
func (r replacement) replacer() (func(ctx context.Context, text string) (string, error), error) {
	if !r.MatchRegex {
		// $ has no meaning in a text: it is doubled where it would have one.
		literal := strings.ReplaceAll(*r.ReplaceWith, "$", "$$")
		return func(ctx context.Context, text string) (string, error) {
			return nunjucks.ReplaceAll(ctx, text, r.Find, literal)
		}, nil
	}
	pattern, err := nunjucks.CompilePattern(r.Find, "g")
	if err != nil {
		return nil, action.InputError("find: %w", err)
	}
	return func(ctx context.Context, text string) (string, error) {
		return pattern.Replace(ctx, text, *r.ReplaceWith)
	}, nil
}

// paths are the files that an item names: one, or those that match a pattern.
func (r replacement) paths(ctx context.Context, call *action.Call) ([]string, error) {
	below, err := workspace.Resolve(call.Workspace, r.File)
	if err != nil {
		return nil, err
	}
	if info, err := call.Workspace.Stat(below); err == nil {
		if info.Mode().IsRegular() {
			return []string{below}, nil
		}
		return nil, nil
	}
	matches, ok := workspace.CompileGlob(below)
	if !ok {
		return nil, action.InputError("the pattern %q is invalid: *, **, ?, [a-z], {a,b} and +(a|b) are supported", r.File)
	}
	var paths []string
	named := namedDotFiles(below)
	err = fs.WalkDir(call.Workspace.FS(), ".", func(name string, item fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return firstError(err, ctx.Err())
		}
		if item.IsDir() {
			return nil
		}
		isSelected, err := matches(name)
		if isSelected && !r.IncludeDotFiles {
			isSelected, err = isVisible(named, name)
		}
		if isSelected {
			if info, err := call.Workspace.Stat(name); err == nil && info.Mode().IsRegular() {
				paths = append(paths, name)
			}
		}
		return err
	})
	return paths, workspace.ExplainPath(r.File, err)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// namedDotFiles match the names beginning with a dot that a pattern names: the parts of it with a dot at their
// beginning, or at that of an alternative.
func namedDotFiles(pattern string) (named []workspace.Glob) {
	for part := range strings.SplitSeq(pattern, "/") {
		if strings.HasPrefix(part, ".") || strings.Contains(part, "{.") || strings.Contains(part, ",.") ||
			strings.Contains(part, "(.") || strings.Contains(part, "|.") {
			if matches, ok := workspace.CompileGlob(part); ok {
				named = append(named, matches)
			}
		}
	}
	return named
}

// isVisible reports whether a pattern names each part of a path that begins with a dot.
func isVisible(named []workspace.Glob, name string) (bool, error) {
	for part := range strings.SplitSeq(name, "/") {
		if !strings.HasPrefix(part, ".") {
			continue
		}
		if isNamed, err := workspace.MatchAny(named, part); err != nil || !isNamed {
			return false, err
		}
	}
	return true, nil
}

// replaceIn changes one file. One that stays the same is not written.
func replaceIn(ctx context.Context, call *action.Call, name string, replace func(context.Context, string) (string, error)) error {
	text, err := readPath(ctx, call.Workspace, name)
	if err != nil {
		return err
	}
	if !utf8.ValidString(text) {
		call.Log.Warn("%s is not UTF-8 and was left as it is", name)
		return nil
	}
	changed, err := replace(ctx, text)
	if err != nil {
		return failure(name, err)
	}
	if changed == text {
		return nil
	}
	return workspace.ExplainPath(name, workspace.ExplainDisk(call.Workspace.WriteFile(path.Clean(name), []byte(changed), 0o644)))
}

var replaceRegex = textAction{run: runRegex, description: action.Description{
	ID:          "regex:replace",
	Description: "Replaces what regular expressions of JavaScript match in values, and outputs the results by their keys.",
	InputSchema: schema("regex-replace.input"), SupportsDryRun: true, Quick: true,
	OutputSchema: json.RawMessage(`{"type":"object","properties":{"values":{"type":"object","additionalProperties":{"type":"string"},
		"description":"The changed values, by key"}},"required":["values"],"additionalProperties":false}`),
	Differences: []string{
		"A dry run replaces, too. Backstage's action is left out there.",
		"With the flag u, properties of characters (\\p) and \\u{...} are refused, and a character beyond U+FFFF still counts as two. The flag d has no " +
			"effect.",
		"A match that takes longer than a second fails.",
	},
	Examples: []action.Example{
		{Description: "Make a name that may be part of a host name", Example: `steps:
  - id: names
    name: Make names
    action: regex:replace
    input:
      regExps:
        - pattern: "[^a-z0-9]+"
          flags: [g, i]
          replacement: "-"
          values:
            - key: host
              value: ${{ parameters.name }}
`},
		{Description: "Take the repository's name from its URL", Example: `steps:
  - id: repository
    name: Take the name
    action: regex:replace
    input:
      regExps:
        - pattern: "^.*/([^/]+)$"
          replacement: $1
          values:
            - key: name
              value: https://github.com/acme/shop
`},
	},
}}

func runRegex(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		RegExps []struct {
			Pattern, Replacement string
			Flags                []string
			Values               []struct{ Key, Value string }
		}
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	values := nunjucks.NewObject()
	for _, each := range input.RegExps {
		slices.Sort(each.Flags)
		pattern, err := nunjucks.CompilePattern(each.Pattern, strings.Join(slices.Compact(each.Flags), ""))
		if err != nil {
			return nil, action.InputError("pattern: %w", err)
		}
		for _, value := range each.Values {
			if _, taken := values.Get(value.Key); taken {
				return nil, action.InputError("The key '%s' is used more than once in the input.", value.Key)
			}
			replaced, err := pattern.Replace(ctx, value.Value, each.Replacement)
			if err != nil {
				return nil, failure("the value of "+value.Key, err)
			}
			values.Set(value.Key, replaced)
		}
	}
	encoded, err := encodeJSON(ctx, "values", values)
	if err != nil {
		return nil, err
	}
	return action.Output{"values": encoded}, nil
}
