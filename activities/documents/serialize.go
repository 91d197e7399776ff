package documents

import (
	"context"
	"encoding/json"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/yamltext"
)

// serialization is the input of the actions that write a value as text.
type serialization struct {
	Data     json.RawMessage
	Replacer []string
	Space    string
	Options  yamltext.Options
}

var serializeJSON = textAction{run: runSerializeJSON, description: action.Description{
	ID:           "roadiehq:utils:serialize:json",
	Description:  "Writes data as JSON, and outputs the text.",
	InputSchema:  schema("serialize-json.input"),
	OutputSchema: schema("serialize-json.output"), SupportsDryRun: true, Quick: true,
	Examples: []action.Example{
		{Description: "Write an object in one line", Example: `steps:
  - id: body
    name: Write the body
    action: roadiehq:utils:serialize:json
    input:
      data:
        name: ${{ parameters.name }}
        replicas: 2
`},
		{Description: "Write only some members, with two spaces for each level", Example: `steps:
  - id: settings
    name: Write the settings
    action: roadiehq:utils:serialize:json
    input:
      data:
        name: ${{ parameters.name }}
        owner: ${{ parameters.owner }}
        token: is left out
      replacer: [name, owner]
      space: "  "
`},
	},
}}

func runSerializeJSON(ctx context.Context, call *action.Call) (action.Output, error) {
	var input serialization
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	data, err := decodeJSON(ctx, "data", input.Data)
	if err != nil {
		return nil, err
	}
	if len(input.Replacer) == 0 {
		input.Replacer = nil
	}
	text, err := stringify(data, input.Replacer, input.Space)
	if err != nil {
		return nil, err
	}
	return action.Output{"serialized": text}, nil
}

var serializeYAML = textAction{run: runSerializeYAML, description: action.Description{
	ID:           "roadiehq:utils:serialize:yaml",
	Description:  "Writes data as YAML, and outputs the text.",
	InputSchema:  schema("serialize-yaml.input"),
	OutputSchema: schema("serialize-yaml.output"), SupportsDryRun: true, Quick: true,
	Differences: []string{"replacer selects the members that are written. Backstage's action accepts it, and writes all."},
	Examples: []action.Example{
		{Description: "Write an object as YAML", Example: `steps:
  - id: values
    name: Write the chart's values
    action: roadiehq:utils:serialize:yaml
    input:
      data:
        image: ghcr.io/acme/${{ parameters.name }}
        replicas: 2
`},
		{Description: "Write long texts in one line, with four spaces for each level", Example: `steps:
  - id: values
    name: Write the chart's values
    action: roadiehq:utils:serialize:yaml
    input:
      data:
        description: ${{ parameters.description }}
        image:
          tag: latest
      options:
        lineWidth: 0
        indent: 4
`},
	},
}}

func runSerializeYAML(ctx context.Context, call *action.Call) (action.Output, error) {
	var input serialization
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	data, err := decodeJSON(ctx, "data", input.Data)
	if err != nil {
		return nil, err
	}
	if len(input.Replacer) > 0 {
		data = only(data, input.Replacer)
	}
	text, err := yamlOf(ctx, data, input.Options)
	if err != nil {
		return nil, err
	}
	return action.Output{"serialized": text}, nil
}
