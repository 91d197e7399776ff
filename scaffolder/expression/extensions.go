package expression

import _ "embed"

// Extensions describes what Backstage adds to the language, for those who write templates: {filters: {<name>:
// {description, schema, examples}}, globals: {functions, values}}, as its API lists it. The notes of an
// example are its result as JSON.
//
//go:embed extensions.json
var Extensions []byte
