package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// cookiecutterAction is fetch:cookiecutter, for templates that need no Python.
type cookiecutterAction struct {
	action.NoEffects
	options Options
}

func (cookiecutterAction) Describe() action.Description {
	return action.Description{
		ID:             "fetch:cookiecutter",
		Description:    "Downloads a directory with Cookiecutter's placeholders and fills it in, with Portico's own template language.",
		InputSchema:    cookiecutterInput,
		SupportsDryRun: true,
		UsesWorkspace:  true,
		Differences: []string{
			"No Python and no container runs. A template with options of Jinja is refused, and hooks are files like others, as in Backstage.",
			"The language is that of fetch:template with cookiecutterCompat: what Nunjucks and Jinja have in common, Python's slices and its methods of " +
				"lists and dictionaries. Cookiecutter's own filters but jsonify are not there, and a name that is not set is empty.",
			"The values of the step are taken literally. Cookiecutter renders them like its defaults.",
			"extensions is refused unless it is empty, and imageName has no effect.",
			"_copy_without_render of cookiecutter.json holds, in addition to the step's. Backstage drops it.",
		},
		Examples: []action.Example{
			{Description: "Fill in the directory beside the template", Example: `steps:
  - id: service
    name: Fill in the service
    action: fetch:cookiecutter
    input:
      url: ./skeleton
      values:
        project_name: ${{ parameters.name }}
        owner: ${{ parameters.owner }}
`},
			{Description: "Fill in one of another repository, and leave its charts as they are", Example: `steps:
  - id: package
    name: Fill in the package
    action: fetch:cookiecutter
    input:
      url: https://github.com/acme/cookiecutters/tree/main/package
      targetPath: ./package
      copyWithoutRender:
        - charts/*
      values:
        name: ${{ parameters.name }}
`},
		},
	}
}

// Run fills in the template.
func (a cookiecutterAction) Run(ctx context.Context, call *action.Call) (_ action.Output, err error) {
	var input struct {
		request

		TargetPath        string
		Values            json.RawMessage
		CopyWithoutRender []string
		Extensions        []string
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if len(input.Extensions) > 0 {
		return nil, needsPython("extensions", strings.Join(input.Extensions, ", "))
	}
	call.Log.Info("Fetching and then templating using cookiecutter")
	target, err := openTarget(call.Workspace, input.TargetPath)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	source, closeSource, err := a.options.openTree(ctx, call, input.request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeSource()) }()
	cutter, err := readCookiecutter(source)
	if err != nil {
		return nil, err
	}
	values, err := a.options.completed(ctx, cutter, input.Values)
	if err != nil {
		return nil, err
	}
	filled := templateRequest{language: language{Values: values, CookiecutterCompat: true}, Replace: true}
	for _, pattern := range append(cutter.verbatim, input.CopyWithoutRender...) {
		filled.CopyWithoutTemplating = append(filled.CopyWithoutTemplating, globsOf(pattern)...)
	}
	return nil, a.options.fill(ctx, call, filled, source, target)
}

// needsPython refuses what only Cookiecutter itself can do.
func needsPython(what, found string) error {
	return action.Advise(action.InputError("the template has %s of Cookiecutter (%s), which are not supported", what, found),
		"Do in a step what they do, or rewrite the template for fetch:template.")
}

// cookiecutter is what a template has in its cookiecutter.json. The whole directory is the project that is filled in, as in
// Backstage, and no directory like {{ cookiecutter.name }} in it is required or taken for the project.
type cookiecutter struct {
	// defaults are the members of the file, verbatim its patterns of files that are not rendered.
	defaults *nunjucks.Object
	verbatim []string
}

const (
	cookiecutterFile = "cookiecutter.json"
	// maxCookiecutterBytes bounds that file.
	maxCookiecutterBytes = 1 << 20
)

func readCookiecutter(source *os.Root) (*cookiecutter, error) {
	made := &cookiecutter{defaults: nunjucks.NewObject()}
	return made, made.read(source)
}

// read reads cookiecutter.json.
func (c *cookiecutter) read(source *os.Root) error {
	info, err := source.Stat(cookiecutterFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil // The values of the step may be all.
	}
	if err != nil {
		return workspace.ExplainPath(cookiecutterFile, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxCookiecutterBytes {
		return action.InputError("%s is not a file of at most %d bytes", cookiecutterFile, maxCookiecutterBytes)
	}
	content, err := source.ReadFile(cookiecutterFile)
	if err != nil {
		return workspace.ExplainPath(cookiecutterFile, err)
	}
	value, err := nunjucks.DecodeJSON(content)
	if err != nil {
		return action.InputError("%s: %w", cookiecutterFile, err)
	}
	object, isObject := value.(*nunjucks.Object)
	if !isObject {
		return action.InputError("%s is not an object", cookiecutterFile)
	}
	c.defaults = object
	return c.readOptions()
}

// readOptions takes Cookiecutter's own members out of the defaults.
func (c *cookiecutter) readOptions() error {
	const ofJinja = "_jinja2_env_vars"
	if value, has := c.defaults.Get(ofJinja); has && nunjucks.Describe(value) != "{}" {
		return needsPython("options", ofJinja)
	}
	c.defaults.Delete(ofJinja)
	c.defaults.Delete("_extensions") // Backstage puts those of the step in their place
	patterns, _ := c.defaults.Get("_copy_without_render")
	if list, isList := patterns.(*nunjucks.Array); isList {
		for _, item := range list.Items {
			if pattern, isText := item.(string); isText {
				c.verbatim = append(c.verbatim, pattern)
			}
		}
	}
	c.defaults.Delete("_copy_without_render")
	return nil
}

// completed are the values of a step, with the defaults for those that are missing. A default is rendered with
// the values before it; a list is a choice, of which the first is the default.
func (o Options) completed(ctx context.Context, cutter *cookiecutter, given json.RawMessage) (json.RawMessage, error) {
	ctx, leave := o.Enter(ctx)
	defer leave()
	decoded, err := nunjucks.DecodeJSONWithin(ctx, given)
	if err != nil {
		return nil, action.InputError("values: %w", err)
	}
	values, isObject := decoded.(*nunjucks.Object)
	if !isObject {
		return nil, action.InputError("values is not an object")
	}
	complete, data := nunjucks.NewObject(), nunjucks.NewObject()
	data.Set("cookiecutter", complete)
	environment := o.Templates(true, false, false)
	for name, value := range cutter.defaults.All() {
		if own, has := values.Get(name); has {
			complete.Set(name, own)
			continue
		}
		if choices, isList := value.(*nunjucks.Array); isList && len(choices.Items) > 0 {
			value = choices.Items[0]
		}
		if text, isText := value.(string); isText {
			if value, err = renderDefault(ctx, environment, text, data); err != nil {
				return nil, action.InputError("the default of %s: %w", name, err)
			}
		}
		complete.Set(name, value)
	}
	for name, value := range values.All() {
		complete.Set(name, value)
	}
	encoded, err := nunjucks.EncodeJSONWithin(ctx, complete)
	if err != nil {
		return nil, action.InputError("values: %w", err)
	}
	return encoded, nil
}

func renderDefault(ctx context.Context, environment *nunjucks.Environment, text string, data *nunjucks.Object) (string, error) {
	parsed, err := environment.ParseWithin(ctx, text)
	if err != nil {
		return "", err
	}
	return parsed.Render(ctx, data)
}

// globsOf are the patterns of package workspace for one of Cookiecutter, whose * also matches slashes, and
// which begins at the template or anywhere.
func globsOf(pattern string) []string {
	if first, rest, has := strings.Cut(pattern, "/"); has && strings.Contains(first, "{{") {
		pattern = rest
	}
	if directory, isAll := strings.CutSuffix(pattern, "/*"); isAll {
		pattern = directory + "/**"
	}
	return []string{pattern, path.Join("**", pattern)}
}
