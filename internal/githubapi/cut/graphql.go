package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
)

// runGraphQL makes graphql.gz: a schema without its descriptions, which are most of it, and with each field once. The
// published one has a field of EnterpriseOwnerInfo twice.
func runGraphQL(source, directory string) error {
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	document, err := parser.ParseSchema(&ast.Source{Name: source, Input: string(content)})
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	for _, definition := range document.Definitions {
		var kept ast.FieldList
		for _, field := range definition.Fields {
			if !slices.ContainsFunc(kept, func(other *ast.FieldDefinition) bool { return other.Name == field.Name }) {
				kept = append(kept, field)
			}
		}
		definition.Fields = kept
	}
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return err
	}
	formatter.NewFormatter(writer, formatter.WithoutDescription()).FormatSchemaDocument(document)
	if err := writer.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, "graphql.gz"), compressed.Bytes(), 0o644)
}
