// Package techdocs has what the parts of TechDocs share: the name of a site, what is asked of a generator, and what it reports. The
// parts are packages below it: they read Markdown, build sites, store and serve them.
package techdocs

import (
	"context"
	"crypto/md5" //nolint:gosec // it tells files apart as the buckets do, and protects nothing
	"errors"
	"strings"
)

// Ref is the entity that a site belongs to, and the version of its documentation. The parts of the entity may be in any case.
type Ref struct {
	Namespace, Kind, Name string
	// Version is a branch, a tag or a preview, "" for the current documentation.
	Version string
}

// Entity is the reference without a version.
func (r Ref) Entity() Ref {
	r.Version = ""
	return r
}

// Path is the folder of the site in a store: namespace, kind and name in lower case, as in Backstage. An empty namespace is "default". With
// a version, it names the site for people; no store has such a folder.
func (r Ref) Path() string {
	namespace := r.Namespace
	if namespace == "" {
		namespace = "default"
	}
	return JoinVersion(strings.ToLower(namespace+"/"+r.Kind+"/"+r.Name), r.Version)
}

// A Generator turns the source tree of a site into its files.
type Generator interface {
	// Generate reads the folder source, in which mkdocs.yml is, and writes the site into the folder output. That is empty, or has the site
	// of an earlier build, which becomes the new one; only package site makes use of it. It reads nothing outside source. The report is complete also if there is an error: what an author did wrong is in its problems, and the error is
	// then a fault of kind fault.Input that says how many there are. Other errors are of the machine, and worth another attempt.
	Generate(ctx context.Context, source, output string, options Options) (Report, error)
}

// Options of one build.
type Options struct {
	// SiteName is the name of a site whose mkdocs.yml is missing. Empty is "Documentation Site".
	SiteName string
	// ETag is stored in techdocs_metadata.json: the commit or the digest of the source. Empty: there is none.
	ETag string
	// RepoURL and EditURI are used when mkdocs.yml has neither. Empty: pages have no link to their source.
	RepoURL, EditURI string
	// CopyReadme takes README.md for a missing index.md, as the techdocs option legacyCopyReadmeMdToIndexMd does.
	CopyReadme bool
	// Log gets a line for people about each step. Nil: nobody wants it.
	Log func(line string)
	// Published are the files of the site as they are published, by their paths. A generator that makes one of them anew need not write
	// it: it says so in Report.Kept. Only package site does.
	Published map[string]Digest
}

// Digest tells contents apart, as buckets do.
type Digest struct {
	Size int64
	MD5  [md5.Size]byte
}

// DigestOf is the digest of a content.
func DigestOf(content []byte) Digest {
	return Digest{Size: int64(len(content)), MD5: md5.Sum(content)} //nolint:gosec // as above
}

// ErrNotKept means that files which a generator did not write, because they were published, are not published any more: somebody else has
// changed the site. It has to be generated as a whole.
var ErrNotKept = errors.New("the site was changed by somebody else while it was generated")

// Report is what a build found.
type Report struct {
	// Engine is what rendered the site, "portico" or "mkdocs".
	Engine string
	// Pages is the number of pages written, and Files that of all files.
	Pages, Files int
	// Problems are in the order of the files, at most MaxProblems.
	Problems []Problem
	// Kept are the files of the site that were not written, because they are published.
	Kept map[string]Digest
}

// MaxProblems is how many problems a report has at most. Others are counted in its last one.
const MaxProblems = 200

// The severities of problems.
const (
	// Error is the severity of what makes a build fail.
	Error = "error"
	// Warning is that of a fault in a site that was built, such as a link to a page that does not exist.
	Warning = "warning"
	// Info is that of what may be on purpose.
	Info = "info"
)

// Problem is something that an author can mend.
type Problem struct {
	// Severity is Error, Warning or Info.
	Severity string `json:"severity"`
	// File is relative to the folder of the source, with slashes.
	File string `json:"file"`
	// Line and Column count from 1. Zero: unknown.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Message says what is wrong, with what, and what to do.
	Message string `json:"message"`
}
