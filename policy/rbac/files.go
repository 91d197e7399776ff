package rbac

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/portico-dev/portico/identity"
)

// Files are the files with roles; "" is no file.
type Files struct {
	// Policies is a CSV file with policies and members, Conditions a YAML file with conditions.
	Policies   string
	Conditions string
	// Reload has changes of the files count while the process runs.
	Reload bool
	// SkipInvalid leaves out invalid lines of the CSV file, and conditions of roles that it does not have, as
	// the RBAC plugin does. Otherwise a file with anything invalid is refused as a whole, and what was read
	// from it before stays.
	SkipInvalid bool
}

// reloadInterval is the interval for comparing the files.
const reloadInterval = time.Second

// maxProblems bounds the problems that are logged and listed.
const maxProblems = 100

// lastSync is what the last reading of the files found.
type lastSync struct {
	mu       sync.Mutex
	problems []Problem
	files    fileContents
	places   *places
	// taken are roles of the configuration or the file that the API had created before under the same names.
	taken []string
}

// Problems are what was wrong with the files with roles when they were last read.
func (s *Service) Problems() []Problem {
	s.last.mu.Lock()
	defer s.last.mu.Unlock()
	return slices.Clone(s.last.problems)
}

// places are the places of the roles in the files when they were last read; nil in a process that has not
// read them.
func (s *Service) places() *places {
	s.last.mu.Lock()
	defer s.last.mu.Unlock()
	return s.last.places
}

// SyncFiles stores the roles of the configuration and of the files, and loads all roles. What is wrong with a
// file is no error: it is logged, and listed by Problems.
func (s *Service) SyncFiles(ctx context.Context) error { return s.syncContents(ctx, s.readFiles()) }

func (s *Service) syncContents(ctx context.Context, files fileContents) error {
	wanted := s.parseFiles(files)
	if _, err := s.store.update(ctx, identity.System("roles of files").Actor(), func(c *change) error { return c.sync(wanted) }); err != nil {
		return fmt.Errorf("store the roles of the configuration and the files: %w", err)
	}
	if more := len(wanted.problems) - maxProblems; more > 0 {
		wanted.problems = append(wanted.problems[:maxProblems], Problem{s.options.Files.Policies, 0, fmt.Sprintf("there are %d more problems", more)})
	}
	for _, problem := range wanted.problems {
		s.options.Log.ErrorContext(ctx, "a file with roles is wrong", "file", problem.File, "line", problem.Line, "reason", problem.Reason,
			"skipped", s.options.Files.SkipInvalid)
	}
	s.last.mu.Lock()
	s.last.problems, s.last.files, s.last.places, s.last.taken = wanted.problems, files, wanted.places, wanted.taken
	s.last.mu.Unlock()
	return s.Load(ctx)
}

// WatchFiles stores the roles again whenever the API has given up the name of one of them, and with Files.Reload
// whenever a file has changed, until ctx ends.
func (s *Service) WatchFiles(ctx context.Context) error {
	var read settling
	ticker := time.NewTicker(reloadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		files, due := s.due(&read)
		if !due {
			continue
		}
		if err := s.syncContents(ctx, files); err != nil && ctx.Err() == nil {
			s.options.Log.WarnContext(ctx, "the roles of the files have changed and cannot be stored; this is tried again", "error", err)
		}
	}
}

// due reports whether roles have to be stored, and the contents of the files that are to count.
func (s *Service) due(read *settling) (files fileContents, due bool) {
	s.last.mu.Lock()
	last, taken := s.last.files, s.last.taken
	s.last.mu.Unlock()
	files = last
	if s.options.Files.Reload {
		if now := s.readFiles(); read.settled(now) {
			files = now
		}
	}
	return files, files != last || s.options.Decider.snapshot.Load().lacksOneOf(taken)
}

// lacksOneOf reports whether the API has deleted or renamed one of these roles.
func (s *snapshot) lacksOneOf(refs []string) bool {
	return slices.ContainsFunc(refs, func(ref string) bool {
		role, found := s.all.role(ref)
		return !found || role.Metadata.Source != FromREST
	})
}

// settling are the contents of files that may be half written: they count when they are the same twice in a row.
type settling struct{ before fileContents }

func (s *settling) settled(now fileContents) bool {
	same := now == s.before
	s.before = now
	return same
}

// fileContents are the contents of both files. A file that cannot be read has the reason instead, which is "" for
// others.
type fileContents struct {
	policies, conditions           string
	policiesWrong, conditionsWrong string
}

func (s *Service) readFiles() (contents fileContents) {
	contents.policies, contents.policiesWrong = readOrReason(s.options.Files.Policies, maxCSVBytes)
	contents.conditions, contents.conditionsWrong = readOrReason(s.options.Files.Conditions, s.options.Limits.FileBytes)
	return contents
}

// readOrReason is readBounded with its error as a text, "" for none.
func readOrReason(name string, bound int) (text, reason string) {
	text, err := readBounded(name, bound)
	if err != nil {
		return "", err.Error()
	}
	return text, ""
}

// readBounded reads one byte more than the bound at most, which the parser then refuses.
func readBounded(name string, bound int) (text string, err error) {
	if name == "" {
		return "", nil
	}
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, int64(bound)+1))
	return string(content), err
}
