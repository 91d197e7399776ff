package rbac

import (
	"context"
	"crypto/sha256"
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
	digest   filesDigest
	places   *places
}

type filesDigest [2][sha256.Size]byte

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
func (s *Service) SyncFiles(ctx context.Context) error {
	files := s.readFiles()
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
	s.last.problems, s.last.digest, s.last.places = wanted.problems, files.digest(), wanted.places
	s.last.mu.Unlock()
	return s.Load(ctx)
}

// WatchFiles calls SyncFiles whenever a file has changed, until ctx ends. Without Files.Reload it does
// nothing.
func (s *Service) WatchFiles(ctx context.Context) error {
	if !s.options.Files.Reload {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(reloadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if !s.filesChanged() {
			continue
		}
		if err := s.SyncFiles(ctx); err != nil && ctx.Err() == nil {
			s.options.Log.WarnContext(ctx, "the files with roles have changed and cannot be stored; this is tried again", "error", err)
		}
	}
}

func (s *Service) filesChanged() bool {
	now := s.readFiles().digest()
	s.last.mu.Lock()
	defer s.last.mu.Unlock()
	return now != s.last.digest
}

// fileContents are the contents of both files. A file that cannot be read has an error.
type fileContents struct {
	policies, conditions       string
	policiesErr, conditionsErr error
}

func (s *Service) readFiles() (contents fileContents) {
	contents.policies, contents.policiesErr = readBounded(s.options.Files.Policies, maxCSVBytes)
	contents.conditions, contents.conditionsErr = readBounded(s.options.Files.Conditions, s.options.Limits.FileBytes)
	return contents
}

func (c fileContents) digest() (digest filesDigest) {
	digest[0] = sha256.Sum256(fmt.Append(nil, c.policies, c.policiesErr))
	digest[1] = sha256.Sum256(fmt.Append(nil, c.conditions, c.conditionsErr))
	return digest
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
