package openid

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// sessionAge is how long a refresh token is accepted.
	sessionAge = 90 * 24 * time.Hour
	// maxSessions bounds the stored sessions; the oldest ones end.
	maxSessions = 1000
)

// session is what a refresh token stands for.
type session struct {
	Person string    `json:"person"`
	Scopes []string  `json:"scopes"`
	Since  time.Time `json:"since"`
}

// sessions are the refresh tokens, stored by their hashes. A token stays the same until it ends, so that a
// client that is killed while it refreshes does not lose it.
type sessions struct {
	file string

	mutex sync.Mutex
	byKey map[string]session
}

func openSessions(file string) (*sessions, error) {
	s := &sessions{file: file, byKey: map[string]session{}}
	if err := readJSON(file, &s.byKey); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if s.byKey == nil {
		s.byKey = map[string]session{}
	}
	return s, nil
}

func keyOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// begin stores a session and returns its token.
func (s *sessions) begin(started session) (string, error) {
	token := rand.Text()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	maps.DeleteFunc(s.byKey, func(_ string, old session) bool { return isOver(old) })
	if len(s.byKey) >= maxSessions {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(s.byKey)), func(a, b string) int { return s.byKey[a].Since.Compare(s.byKey[b].Since) })
		delete(s.byKey, oldest)
	}
	s.byKey[keyOf(token)] = started
	return token, writeJSON(s.file, s.byKey)
}

func (s *sessions) find(token string) (session, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, is := s.byKey[keyOf(token)]
	return found, is && !isOver(found)
}

func (s *sessions) end(token string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.byKey, keyOf(token))
	return writeJSON(s.file, s.byKey)
}

func isOver(s session) bool { return time.Since(s.Since) > sessionAge }
