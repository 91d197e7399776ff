package mkdocs

import (
	"bytes"
	"cmp"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/portico-dev/portico/techdocs"
)

const (
	// maxLine and maxLines bound what is passed on of the log.
	maxLine  = 4096
	maxLines = 5000
)

// logReader passes the log of the program on, line by line, and makes problems of its warnings and errors. It is not safe for concurrent
// use: both outputs of the program are one pipe.
type logReader struct {
	places  places
	site    site
	log     func(string)
	problem func(techdocs.Problem)

	rest  []byte
	lines int
	// failed says that the program did not end well, errors is how many of them it logged.
	failed bool
	errors int
	// tail are the last lines that no level is before, which a traceback ends with.
	tail string
	// aborted is what MkDocs says last when it stops by itself.
	aborted string
	// found counts the problems about the same target in the same file.
	found map[string]int
}

func newLogReader(p places, s site, log func(string), problem func(techdocs.Problem)) *logReader {
	return &logReader{places: p, site: s, log: log, problem: problem, found: map[string]int{}}
}

// Write implements io.Writer.
func (r *logReader) Write(chunk []byte) (int, error) {
	r.rest = append(r.rest, chunk...)
	for {
		end := bytes.IndexByte(r.rest, '\n')
		if end < 0 && len(r.rest) < maxLine {
			return len(chunk), nil
		}
		if end < 0 {
			end = len(r.rest) - 1
		}
		r.line(string(r.rest[:min(end, maxLine)]))
		r.rest = r.rest[end+1:]
	}
}

// finish reads what is left, and returns whether the build failed. A build that was ended from outside has its reason.
func (r *logReader) finish(ended bool) bool {
	if len(r.rest) > 0 {
		r.line(string(r.rest))
		r.rest = nil
	}
	if r.failed && r.errors == 0 && !ended {
		message := "MkDocs failed without a message."
		if reason := cmp.Or(r.tail, r.aborted); reason != "" {
			message = "MkDocs failed: " + reason
		}
		r.problem(techdocs.Problem{Severity: "error", File: r.site.file, Message: message})
	}
	return r.failed
}

var (
	logLine = regexp.MustCompile(`^(DEBUG|INFO|WARNING|ERROR|CRITICAL) +- +(.*)$`)
	escapes = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	// pageName is how MkDocs names the page that a message is about.
	pageName = regexp.MustCompile(`(?:Doc file|page|file) '([^']+)'`)
	// linkTarget is what the message says is wrong, as it stands in the page.
	linkTarget = regexp.MustCompile(`(?:link|image|reference to) '([^']+)'`)
	// settingName is how it names a key of its configuration.
	settingName = regexp.MustCompile(`^Config value '(\w+)'`)
)

func (r *logReader) line(line string) {
	line = strings.TrimRight(strings.ToValidUTF8(escapes.ReplaceAllString(line, ""), "�"), " \r")
	if line == "" {
		return
	}
	line = r.places.outside(line)
	if r.lines++; r.lines <= maxLines {
		r.log(line)
	} else if r.lines == maxLines+1 {
		r.log("The log has more lines than are kept.")
	}
	found := logLine.FindStringSubmatch(line)
	if found == nil {
		if strings.HasPrefix(line, "Aborted with") {
			r.aborted = line
		} else {
			r.tail = strings.TrimSpace(line)
		}
		return
	}
	level, message := found[1], found[2]
	problem := techdocs.Problem{Severity: "warning", Message: message}
	switch level {
	case "ERROR", "CRITICAL":
		problem.Severity = "error"
		r.errors++
	case "INFO":
		// Of what MkDocs says about its own steps, only what is about a page is of use to its author.
		if !strings.HasPrefix(message, "Doc file ") {
			return
		}
		problem.Severity = "info"
	case "DEBUG":
		return
	}
	r.place(&problem)
	r.problem(problem)
}

// place finds file and line of what a message is about.
func (r *logReader) place(problem *techdocs.Problem) {
	target := ""
	if found := linkTarget.FindStringSubmatch(problem.Message); found != nil {
		target = found[1]
	}
	switch page, setting := pageName.FindStringSubmatch(problem.Message), settingName.FindStringSubmatch(problem.Message); {
	case page != nil && !strings.HasPrefix(problem.Message, "A reference to"):
		problem.File = path.Join(r.site.docs, page[1])
	case setting != nil:
		problem.File, problem.Line = r.site.file, r.site.lines[setting[1]]
		return
	default:
		problem.File = r.site.file
	}
	if target == "" {
		return
	}
	key := problem.File + "\x00" + target
	r.found[key]++
	problem.Line = r.find(problem.File, target, r.found[key])
}

// find returns the line in which a target stands for the nth time, 0 if it does not.
func (r *logReader) find(file, target string, nth int) int {
	content := r.site.original
	if file != r.site.file {
		root, err := os.OpenRoot(r.places.source)
		if err != nil {
			return 0
		}
		defer root.Close()
		if content, err = readLimited(root, filepath.FromSlash(file)); err != nil {
			return 0
		}
	}
	for number, line := range strings.Split(string(content), "\n") {
		if nth -= mentions(line, target); nth <= 0 {
			return number + 1
		}
	}
	return 0
}

// mentions counts a target in a line, where it is not a part of a longer one.
func mentions(line, target string) int {
	count := 0
	for _, quoted := range []string{"(" + target + ")", "(" + target + " ", "(<" + target + ">", ": " + target, "- " + target} {
		count += strings.Count(line, quoted)
	}
	return count
}
