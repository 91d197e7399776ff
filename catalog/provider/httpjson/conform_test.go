package httpjson_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/httpjson"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
)

// directory is a server as the documentation wants it: a cursor is the number of the last user of a page.
type directory struct {
	mutex sync.Mutex
	users []int
}

// size is the number of users of a page.
const size = 3

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	after := 0
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		var err error
		if after, err = strconv.Atoi(cursor); err != nil {
			http.Error(w, "no such cursor", http.StatusBadRequest)
			return
		}
	}
	start, _ := slices.BinarySearch(d.users, after+1)
	end := min(start+size, len(d.users))
	var listed []string
	for _, number := range d.users[start:end] {
		listed = append(listed, fmt.Sprintf(user, fmt.Sprint("user-", number)))
	}
	next := ""
	if end < len(d.users) {
		next = strconv.Itoa(d.users[end-1])
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"entities":[%s],"next":%q,"total":%d}`, strings.Join(listed, ","), next, len(d.users))
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	providertest.Conform(t, func(t *testing.T) providertest.Source {
		t.Helper()
		people := &directory{users: []int{1, 2, 3, 4, 5, 6, 7, 8}}
		refs := []string{}
		for _, number := range people.users {
			refs = append(refs, fmt.Sprint("user:default/user-", number))
		}
		var picks atomic.Pointer[func(*http.Request) providertest.Fault]
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if pick := picks.Load(); pick != nil && *pick != nil {
				if fault := (*pick)(r); fault != nil {
					fault(w, r, people)
					return
				}
			}
			people.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		reader, err := forges.New(forges.Config{}, integration.Options{ReadingAllow: []integration.AllowRule{{Host: strings.TrimPrefix(server.URL, "http://")}}})
		require.NoError(t, err)
		return providertest.Source{
			New: func() provider.Provider {
				sources, err := httpjson.Sources(map[string]config.JSONProvider{"people": {URL: server.URL + "/entities"}}, reader)
				require.NoError(t, err)
				return sources[0]
			},
			Inject: func(pick func(*http.Request) providertest.Fault) { picks.Store(&pick) },
			Refs:   refs, Pages: 3,
			Remove: func() {
				people.mutex.Lock()
				defer people.mutex.Unlock()
				people.users = slices.Delete(people.users, 0, 1)
			},
			Add: func() {
				people.mutex.Lock()
				defer people.mutex.Unlock()
				people.users = append(people.users, 9)
			},
		}
	})
}
