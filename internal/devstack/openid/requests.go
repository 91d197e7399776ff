package openid

import (
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	// requestAge is how long somebody may look at the login page.
	requestAge = 10 * time.Minute
	// codeAge is how long an authorization code is accepted.
	codeAge = time.Minute
	// maxRequests bounds the sign-ins on their way; the oldest ones are dropped.
	maxRequests = 1000
)

// request is a sign-in on its way. It is not changed once it is stored: a changed copy replaces it.
type request struct {
	asked *oidc.AuthRequest
	id    string
	since time.Time
	// person is "" until somebody was chosen, at the time chosen.
	person string
	chosen time.Time
	// code is "" until there is one.
	code string
}

var _ op.AuthRequest = (*request)(nil)

func (r *request) GetID() string          { return r.id }
func (*request) GetACR() string           { return "" }
func (*request) GetAMR() []string         { return nil }
func (r *request) GetAudience() []string  { return []string{r.asked.ClientID} }
func (r *request) GetAuthTime() time.Time { return r.chosen }
func (r *request) GetClientID() string    { return r.asked.ClientID }
func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.asked.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.asked.CodeChallenge, Method: r.asked.CodeChallengeMethod}
}
func (r *request) GetNonce() string                   { return r.asked.Nonce }
func (r *request) GetRedirectURI() string             { return r.asked.RedirectURI }
func (r *request) GetResponseType() oidc.ResponseType { return r.asked.ResponseType }
func (r *request) GetResponseMode() oidc.ResponseMode { return r.asked.ResponseMode }
func (r *request) GetScopes() []string                { return r.asked.Scopes }
func (r *request) GetState() string                   { return r.asked.State }
func (r *request) GetSubject() string                 { return r.person }
func (r *request) Done() bool                         { return r.person != "" }

// requests are the sign-ins on their way.
type requests struct {
	mutex sync.Mutex
	byID  map[string]*request
}

func (r *requests) add(asked *oidc.AuthRequest) *request {
	added := &request{asked: asked, id: rand.Text(), since: time.Now()}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.byID == nil {
		r.byID = map[string]*request{}
	}
	maps.DeleteFunc(r.byID, func(_ string, old *request) bool { return time.Since(old.since) > requestAge })
	if len(r.byID) >= maxRequests {
		oldest := slices.MinFunc(slices.Collect(maps.Values(r.byID)), func(a, b *request) int { return a.since.Compare(b.since) })
		delete(r.byID, oldest.id)
	}
	r.byID[added.id] = added
	return added
}

// find returns nil when there is no such sign-in any more.
func (r *requests) find(id string) *request {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found := r.byID[id]
	if found == nil || time.Since(found.since) > requestAge {
		return nil
	}
	return found
}

// choose says who signs in. It reports whether nobody was chosen before.
func (r *requests) choose(id, person string) bool {
	return r.change(id, func(changed *request) bool {
		if changed.Done() {
			return false
		}
		changed.person, changed.chosen = person, time.Now()
		return true
	})
}

func (r *requests) giveCode(id, code string) bool {
	return r.change(id, func(changed *request) bool {
		changed.code = code
		return true
	})
}

// change stores a changed copy, if there is such a sign-in and it may be changed.
func (r *requests) change(id string, change func(*request) bool) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found := r.byID[id]
	if found == nil || time.Since(found.since) > requestAge {
		return false
	}
	changed := *found
	if !change(&changed) {
		return false
	}
	r.byID[id] = &changed
	return true
}

// redeem returns the sign-in of a code, once; nil when there is none.
func (r *requests) redeem(code string) *request {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for id, found := range r.byID {
		if found.code != "" && found.code == code {
			delete(r.byID, id)
			if time.Since(found.chosen) > codeAge {
				return nil
			}
			return found
		}
	}
	return nil
}

func (r *requests) remove(id string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.byID, id)
}
