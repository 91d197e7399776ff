package documents

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/jsonata"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/yamltext"
)

// jsonataDifferences are those of all actions that evaluate JSONata.
var jsonataDifferences = []string{
	"The result may be a list of several items, and have such lists in it. Backstage's task runner refuses them.",
	"An evaluation is stopped after 10 seconds, 20 million steps or 256 MiB, and when functions nest more than 5000 levels deep.",
	"$base64encode encodes characters beyond Latin-1 as UTF-8, and $split with an empty separator does not cut characters in two.",
}

var evaluate = textAction{run: runEvaluate, description: action.Description{
	ID:           "roadiehq:utils:jsonata",
	Description:  "Evaluates a JSONata expression on data, and outputs the result.",
	InputSchema:  schema("jsonata.input"),
	OutputSchema: schema("jsonata.output"), SupportsDryRun: true, Quick: true,
	Differences: jsonataDifferences,
	Examples: []action.Example{
		{Description: "Select names from what another step found", Example: `steps:
  - id: names
    name: Select the names
    action: roadiehq:utils:jsonata
    input:
      data: ${{ steps['services'].output.entities }}
      expression: '$[spec.lifecycle = "production"].metadata.name'
`},
		{Description: "Make an object of a list", Example: `steps:
  - id: ports
    name: Name the ports
    action: roadiehq:utils:jsonata
    input:
      data:
        ports:
          - name: http
            number: 80
          - name: metrics
            number: 9090
      expression: "ports{name: number}"
`},
	},
}}

func runEvaluate(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		Data       json.RawMessage
		Expression string
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	var data nunjucks.Value = nunjucks.Undefined
	if input.Data != nil {
		var err error
		if data, err = decodeJSON(ctx, "data", input.Data); err != nil {
			return nil, err
		}
	}
	result, err := evaluated(ctx, input.Expression, data)
	if err != nil {
		return nil, err
	}
	return outputOf(ctx, result)
}

// evaluated evaluates an expression.
func evaluated(ctx context.Context, expression string, data nunjucks.Value) (nunjucks.Value, error) {
	parsed, err := jsonata.Parse(expression)
	if err != nil {
		return nil, explain(err)
	}
	result, err := parsed.Evaluate(ctx, data)
	if err != nil {
		return nil, explain(err)
	}
	return result, nil
}

// explain says of an error in an expression where in it that is.
func explain(err error) error {
	const doing = "JSONata failed to evaluate the expression"
	failed := failure(doing, err)
	if inExpression, is := errors.AsType[*jsonata.Error](err); is && inExpression.Position > 0 {
		return action.Advise(failed, "Correct the expression near its character %d.", inExpression.Position+1)
	}
	return failed
}

// outputOf is the output result, which is missing when there is none.
func outputOf(ctx context.Context, result nunjucks.Value) (action.Output, error) {
	encoded, err := encodeJSON(ctx, "result", result)
	if err != nil || encoded == nil {
		return nil, err
	}
	return action.Output{"result": encoded}, nil
}

// transformation is the input of the actions that evaluate an expression on a file.
type transformation struct {
	Path, Expression, As, Space string
	Replacer                    []string
	LoadAll                     bool
	Options                     yamltext.Options
}

var transformJSON = textAction{run: runTransformJSON, description: action.Description{
	ID:           "roadiehq:utils:jsonata:json:transform",
	Description:  "Evaluates a JSONata expression on a JSON file of the workspace, and outputs the result. The file stays as it is.",
	InputSchema:  schema("jsonata-json.input"),
	OutputSchema: schema("jsonata-json.output"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Differences: jsonataDifferences,
	Examples: []action.Example{
		{Description: "Change a member of a JSON file, and write it with another step", Example: `steps:
  - id: package
    name: Name the package
    action: roadiehq:utils:jsonata:json:transform
    input:
      path: package.json
      expression: '$ ~> |$|{"name":"${{ parameters.name }}"}|'
      space: "  "
`},
		{Description: "Read a part of a JSON file", Example: `steps:
  - id: scripts
    name: Read the scripts
    action: roadiehq:utils:jsonata:json:transform
    input:
      path: package.json
      expression: $keys(scripts)
      as: object
`},
	},
}}

func runTransformJSON(ctx context.Context, call *action.Call) (action.Output, error) {
	return transform(ctx, call,
		func(input transformation, text string) (nunjucks.Value, error) {
			return decodeJSON(ctx, input.Path, []byte(text))
		},
		func(input transformation, result nunjucks.Value) (string, error) {
			return stringify(result, input.Replacer, input.Space)
		})
}

// transform evaluates the expression on a file, which parse reads, and outputs the result, which write writes.
func transform(
	ctx context.Context, call *action.Call, parse func(transformation, string) (nunjucks.Value, error), write func(transformation, nunjucks.Value) (string, error),
) (action.Output, error) {
	var input transformation
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	text, err := readFile(ctx, call, input.Path)
	if err != nil {
		return nil, err
	}
	data, err := parse(input, text)
	if err != nil {
		return nil, err
	}
	result, err := evaluated(ctx, input.Expression, data)
	if err != nil || result == nunjucks.Undefined {
		return nil, err
	}
	if input.As == "object" {
		return outputOf(ctx, result)
	}
	written, err := write(input, result)
	if err != nil {
		return nil, err
	}
	return action.Output{"result": written}, nil
}

var transformYAML = textAction{run: runTransformYAML, description: action.Description{
	ID:           "roadiehq:utils:jsonata:yaml:transform",
	Description:  "Evaluates a JSONata expression on a YAML file of the workspace, and outputs the result. The file stays as it is.",
	InputSchema:  schema("jsonata-yaml.input"),
	OutputSchema: schema("jsonata-yaml.output"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Differences: append(slices.Clip(jsonataDifferences),
		"A merge key (<<) adds the members of its value to the object. Backstage's action takes it for a name."),
	Examples: []action.Example{
		{Description: "Change the version of a chart, and write it with another step", Example: `steps:
  - id: chart
    name: Raise the version
    action: roadiehq:utils:jsonata:yaml:transform
    input:
      path: Chart.yaml
      expression: '$ ~> |$|{"version":"${{ parameters.version }}"}|'
`},
		{Description: "Name the objects of a file with several documents", Example: `steps:
  - id: kinds
    name: Name the objects
    action: roadiehq:utils:jsonata:yaml:transform
    input:
      path: manifests.yaml
      expression: '$.(kind & "/" & metadata.name)'
      loadAll: true
      as: object
`},
	},
}}

func runTransformYAML(ctx context.Context, call *action.Call) (action.Output, error) {
	return transform(ctx, call,
		func(input transformation, text string) (nunjucks.Value, error) {
			parser := "yaml"
			if input.LoadAll {
				parser = "multiyaml"
			}
			return parse(ctx, input.Path, parser, text)
		},
		func(input transformation, result nunjucks.Value) (string, error) {
			return yamlOf(ctx, result, input.Options)
		})
}
