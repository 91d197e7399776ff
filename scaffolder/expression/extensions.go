package expression

import _ "embed"

// Extensions documents for template authors what Backstage adds to the language, in the form of Backstage's
// API: {filters: {<name>: {description, schema, examples}}, globals: {functions, values}}. The notes of an
// example are its result as JSON.
//
//go:embed extensions.json
var Extensions []byte
