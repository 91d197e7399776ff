package main

import (
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/scaffolder/check"
)

// findingsFormat is a format, or SARIF.
type findingsFormat struct{ format }

const formatSARIF format = "sarif"

func (f *findingsFormat) addFlag(flags *pflag.FlagSet) {
	f.format = formatText
	flags.VarP(f, "output", "o", "how to print: text, json or sarif")
}

// Set implements pflag.Value.
func (f *findingsFormat) Set(text string) error {
	if format(text) == formatSARIF {
		f.format = formatSARIF
		return nil
	}
	if f.format.Set(text) != nil {
		return errors.New("use text, json or sarif")
	}
	return nil
}

func (f *findingsFormat) print(out io.Writer, findings []finding) error {
	if f.format != formatSARIF {
		return f.format.print(out, findings, func() { printFindings(out, findings) })
	}
	encoded, err := plainjson.MarshalIndent(sarifOf(findings), "  ")
	if err != nil {
		return err
	}
	_, err = out.Write(append(encoded, '\n'))
	return err
}

// sarif is a log in the Static Analysis Results Interchange Format 2.1.0: the part of it that is written here.
type sarif struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	// Columns are counted in characters.
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version,omitempty"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string    `json:"id"`
	ShortDescription sarifText `json:"shortDescription"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	PhysicalLocation struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	} `json:"physicalLocation"`
}

type sarifArtifact struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

// sarifRuleID is the rule of all findings: an entity is valid or it is not.
const sarifRuleID = "catalog/entity"

func sarifOf(findings []finding) sarif {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "portico", Version: version, InformationURI: "https://github.com/portico-dev/portico",
		Rules: []sarifRule{{sarifRuleID, sarifText{"The catalog can serve the entity"}}}}
	for _, found := range findings {
		for _, each := range found.Problems {
			run.Results = append(run.Results, sarifResultOf(found, each))
		}
	}
	return sarif{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
}

func sarifResultOf(found finding, of problem) sarifResult {
	result := sarifResult{RuleID: sarifRuleID, Level: "error", Message: sarifText{of.Message}}
	if of.Severity == check.Warning {
		result.Level = "warning"
	}
	var at sarifLocation
	at.PhysicalLocation.ArtifactLocation = artifactOf(found.File)
	if of.File != "" {
		at.PhysicalLocation.ArtifactLocation = artifactOf(of.File)
	}
	if of.Line > 0 {
		at.PhysicalLocation.Region = &sarifRegion{of.Line, of.Column}
	}
	result.Locations = []sarifLocation{at}
	return result
}

// artifactOf is a file as a URI, relative to the working directory if it is in it: that of a job is the root of the
// repository.
func artifactOf(file string) sarifArtifact {
	if strings.Contains(file, "://") {
		return sarifArtifact{URI: file}
	}
	path := file
	if working, err := os.Getwd(); err == nil && filepath.IsAbs(file) {
		if relative, err := filepath.Rel(working, file); err == nil && filepath.IsLocal(relative) {
			path = relative
		}
	}
	path = filepath.ToSlash(filepath.Clean(path))
	if filepath.IsAbs(path) {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: path}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: path}).EscapedPath(), URIBaseID: "%SRCROOT%"}
}
