package servicenow_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/servicenow"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// instance is a small ServiceNow with the table incident, after the description of the Table API.
type instance struct {
	mutex   sync.Mutex
	records map[string]map[string]string
	changes int
	// hides answers "not found" for what there is, and refuses to list.
	hides bool
}

const user = "portico"

func newInstance() *instance {
	s := &instance{records: map[string]map[string]string{}}
	s.add("theirs", map[string]string{"short_description": "theirs", "sys_created_by": "ann", "sys_updated_by": "ann", "sys_mod_count": "0"})
	return s
}

// add adds a record, later than the others.
func (s *instance) add(id string, record map[string]string) {
	s.changes++
	record["sys_id"] = id
	record["sys_created_on"] = fmt.Sprintf("2026-11-30 12:%02d:00", s.changes%60)
	s.records[id] = record
}

// change changes a record as a user.
func (s *instance) change(id, by string, values map[string]string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.set(id, by, values)
}

func (s *instance) set(id, by string, values map[string]string) {
	s.changes++
	count, _ := strconv.Atoi(s.records[id]["sys_mod_count"])
	maps.Copy(s.records[id], values)
	s.records[id]["sys_mod_count"], s.records[id]["sys_updated_by"] = strconv.Itoa(count+1), by
}

func (s *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	name, password, _ := r.BasicAuth()
	id := strings.Trim(strings.TrimPrefix(r.URL.Path, "/api/now/table/incident"), "/")
	record, exists := s.records[id]
	var sent map[string]any
	if r.Method == http.MethodPost || r.Method == http.MethodPatch || r.Method == http.MethodPut {
		_ = json.NewDecoder(r.Body).Decode(&sent)
	}
	values := map[string]string{}
	for field, value := range sent {
		values[field] = fmt.Sprint(value)
	}
	switch {
	case name != user || password != "pa55word":
		refuse(w, http.StatusUnauthorized, "User Not Authenticated")
	case s.hides && id == "":
		refuse(w, http.StatusForbidden, "User Not Authorized")
	case id == "" && r.Method == http.MethodPost:
		values["sys_created_by"], values["sys_updated_by"], values["sys_mod_count"] = user, user, "0"
		id := "made-" + strconv.Itoa(s.changes)
		s.add(id, values)
		s.answer(w, r, http.StatusCreated, shown(s.records[id], r))
	case id == "":
		s.answer(w, r, http.StatusOK, s.list(r))
	case !exists || s.hides:
		refuse(w, http.StatusNotFound, "No Record found")
	case r.Method == http.MethodDelete:
		delete(s.records, id)
		s.changes++
		w.WriteHeader(http.StatusNoContent)
	default:
		if r.Method != http.MethodGet {
			s.set(id, user, values)
		}
		s.answer(w, r, http.StatusOK, shown(record, r))
	}
}

// list are the newest records of the user that the query names.
func (s *instance) list(r *http.Request) []any {
	creator, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Query().Get("sysparm_query"), "sys_created_by="), "^")
	listed := []any{}
	for _, record := range slices.SortedFunc(maps.Values(s.records), func(a, b map[string]string) int { return cmp.Compare(b["sys_created_on"], a["sys_created_on"]) }) {
		if record["sys_created_by"] == creator {
			listed = append(listed, shown(record, r))
		}
	}
	return listed
}

// shown is a record as the request asks for it.
func shown(record map[string]string, r *http.Request) any {
	asked := r.URL.Query().Get("sysparm_fields")
	all := map[string]any{}
	for name, value := range record {
		if asked != "" && !slices.Contains(strings.Split(asked, ","), name) {
			continue
		}
		all[name] = value
		if r.URL.Query().Get("sysparm_display_value") == "all" {
			all[name] = map[string]string{"value": value, "display_value": value}
		}
	}
	return all
}

func (*instance) answer(w http.ResponseWriter, _ *http.Request, status int, result any) {
	apitest.JSON(w, status, map[string]any{"result": result})
}

func refuse(w http.ResponseWriter, status int, message string) {
	apitest.JSON(w, status, map[string]any{"error": map[string]string{"message": message}, "status": "failure"})
}

func (s *instance) hide(hides bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.hides = hides
}

func (s *instance) digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strconv.Itoa(s.changes)
}

// state lists the records by what people have written.
func (s *instance) state() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	lines := []string{}
	for _, record := range s.records {
		lines = append(lines, record["sys_created_by"]+": "+record["short_description"]+" "+record["state"])
	}
	slices.Sort(lines)
	return lines
}

func at(address string) []action.Action {
	return servicenow.Actions(servicenow.Options{BaseURL: address, Username: user, Password: "pa55word", Transport: http.DefaultTransport})
}

func TestTheActionsConform(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id, input string
		use       func(*instance)
		// noUndo says why a rollback has nothing to do.
		noUndo string
	}{
		"create": {id: "createRecord", input: `{"tableName":"incident","requestBody":{"short_description":"ours","severity":3}}`,
			use: func(s *instance) { s.change("made-1", "ann", map[string]string{"state": "2"}) }},
		"create, without its id in the answer": {id: "createRecord",
			input: `{"tableName":"incident","requestBody":{"short_description":"ours"},"sysparmFields":["short_description"]}`},
		"update": {id: "updateRecord", input: `{"tableName":"incident","sysId":"theirs","requestBody":{"short_description":"ours","state":"7"}}`,
			use: func(s *instance) { s.change("theirs", "ann", map[string]string{"state": "2"}) }},
		"modify":   {id: "modifyRecord", input: `{"tableName":"incident","sysId":"theirs","requestBody":{"short_description":"ours"}}`},
		"retrieve": {id: "retrieveRecord", input: `{"tableName":"incident","sysId":"theirs","sysparmFields":["sys_id"]}`, noUndo: "it only reads"},
		"list":     {id: "retrieveRecords", input: `{"tableName":"incident","sysparmQuery":"sys_created_by=ann"}`, noUndo: "it only reads"},
		"delete":   {id: "deleteRecord", input: `{"tableName":"incident","sysId":"theirs"}`, noUndo: "ServiceNow gives no deleted record back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				server := newInstance()
				front := apitest.Start(t, gate.Handler(server))
				fixture := actiontest.Fixture{Action: recordedtest.ByID(t, at(front.URL), "servicenow:now:table:"+test.id), Input: test.input}
				if test.noUndo != "" {
					fixture.NoUndo = test.noUndo
					return fixture
				}
				fixture.State = func(testing.TB) []string { return server.state() }
				fixture.Digest = func(testing.TB) string { return server.digest() }
				if test.use != nil {
					fixture.Use = func(testing.TB) { test.use(server) }
				}
				if test.id == "createRecord" {
					fixture.Hide = func(testing.TB) func() { server.hide(true); return func() { server.hide(false) } }
				}
				return fixture
			})
		})
	}
}

// TestOnlyTheOwnRecordIsRecognized: another of Portico's account with other fields is not the step's.
func TestOnlyTheOwnRecordIsRecognized(t *testing.T) {
	t.Parallel()
	server := newInstance()
	loses := true
	front := apitest.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && loses {
			loses = false
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(w, r)
	}))
	tested, harness := recordedtest.ByID(t, at(front.URL), "servicenow:now:table:createRecord"), actiontest.NewHarness(t)
	harness.Secrets = map[string]string{"pin": "1234"}
	const input = `{"tableName":"incident","requestBody":{"short_description":"ours","pin":"1234"}}`
	_, err := harness.Run(t, tested, input)
	require.True(t, action.IsTransient(err), "%v", err)
	server.add("another-run's", map[string]string{"short_description": "another", "sys_created_by": user, "sys_mod_count": "0"})
	_, err = harness.Run(t, tested, input)
	require.NoError(t, err)
	require.Equal(t, []string{"ann: theirs ", "portico: another ", "portico: ours "}, server.state())
	require.NotContains(t, string(harness.Ledger.All()[0].Data), "1234", "the ledger has no secret")
	require.NoError(t, harness.RollBack(t.Context(), tested))
	require.Equal(t, []string{"ann: theirs ", "portico: another "}, server.state())
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	server := apitest.Start(t, newInstance())
	for name, test := range map[string]struct {
		options servicenow.Options
		says    string
		kind    fault.Kind
	}{
		"no configuration": {servicenow.Options{}, "ServiceNow is not configured", fault.Input},
		"a wrong password": {servicenow.Options{BaseURL: server.URL, Username: user, Password: "hunter2", Transport: http.DefaultTransport},
			"User Not Authenticated", fault.Authentication},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tested := recordedtest.ByID(t, servicenow.Actions(test.options), "servicenow:now:table:retrieveRecord")
			_, err := actiontest.NewHarness(t).Run(t, tested, `{"tableName":"incident","sysId":"theirs"}`)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.NotEmpty(t, action.Advice(err))
		})
	}
}

func TestTheActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		Action: func(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, servicenow.Actions(servicenow.Options{BaseURL: "http://" + stubs.Host + "/servicenow", Username: "u", Password: "p",
				Transport: http.DefaultTransport}), recorded.Action)
		},
	})
}
