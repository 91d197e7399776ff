// Package yamltext reads and writes YAML as the npm package yaml does, which Backstage's actions use: version
// 1.2 of the language with its core schema, values in the order of their keys, and the same text to the byte
// for the same options. Documents keep their comments and styles when they are changed.
//
// Values are those of package nunjucks. The parser is go.yaml.in/yaml/v3; this package decides what its
// scalars mean. Descriptors of the catalog are read by package catalog/entity.
package yamltext
