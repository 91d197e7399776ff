package msgraphorg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

const (
	// listSize is how many objects are asked for at once, and batchSize how many questions a batch has. Microsoft Graph takes no
	// more.
	listSize  = 999
	batchSize = 20
	// maxObjects bounds the objects of a list, all of which are in memory, and maxAnswer an answer, in bytes.
	maxObjects = 200_000
	maxAnswer  = 32 << 20
	// requestDeadline bounds one request.
	requestDeadline = time.Minute
	// tokenMargin is how long before its end a token is renewed.
	tokenMargin = 2 * time.Minute
)

// typeGroup is the type of members that are groups.
const typeGroup = "#microsoft.graph.group"

// object is a user, a group, a member or an organization. Absent texts are empty.
type object struct {
	Type            string `json:"@odata.type"`
	ID              string `json:"id"`
	DisplayName     string `json:"displayName"`
	Description     string `json:"description"`
	Mail            string `json:"mail"`
	MailNickname    string `json:"mailNickname"`
	SecurityEnabled bool   `json:"securityEnabled"`
}

// graph is the API of a tenant. It keeps a token.
type graph struct {
	host, target, tokens string
	form                 url.Values
	isAdvanced           bool
	http                 *http.Client

	mutex sync.Mutex
	token string
	until time.Time
}

func newGraph(configured config.MicrosoftGraphProvider, transport http.RoundTripper) (*graph, error) {
	target, err := integration.ParseURL(strings.TrimRight(configured.Target, "/"))
	if err != nil || target.User != nil || target.RawQuery != "" {
		return nil, fault.New(fault.Input, "target is no address of Microsoft Graph")
	}
	authority, err := integration.ParseURL(strings.TrimRight(configured.Authority, "/"))
	if err != nil || authority.User != nil || authority.RawQuery != "" {
		return nil, fault.New(fault.Input, "authority is no address of a server of tokens")
	}
	return &graph{
		host: target.Host, target: target.String(), tokens: authority.String() + "/" + configured.TenantID + "/oauth2/v2.0/token",
		isAdvanced: configured.QueryMode == "advanced",
		form: url.Values{"grant_type": {"client_credentials"}, "client_id": {configured.ClientID}, "client_secret": {string(configured.ClientSecret)},
			"scope": {integration.Origin(target) + "/.default"}},
		// A redirected request would take the token to where an answer says.
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// bearer is a token that is valid for some time.
func (g *graph) bearer(ctx context.Context) (string, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.token != "" && time.Until(g.until) > tokenMargin {
		return g.token, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.tokens, strings.NewReader(g.form.Encode()))
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answered struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	if err := g.send(request, "could not get a token for clientId", &answered); err != nil {
		return "", err
	}
	if answered.Token == "" {
		return "", fmt.Errorf("%s answered without a token", request.URL.Host)
	}
	g.token, g.until = answered.Token, time.Now().Add(time.Duration(answered.Expires)*time.Second)
	return g.token, nil
}

// send decodes an answer of success.
func (g *graph) send(request *http.Request, what string, into any) error {
	response, err := g.http.Do(request)
	if err != nil {
		return integration.RequestError(request.URL.Host+request.URL.Path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if response.StatusCode != http.StatusOK {
		return refusal(response, what, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: the answer of %s is not the expected JSON: %w", what, request.URL.Host, err)
	}
	return nil
}

// refusal is the error of an answer, with Microsoft's own name of it.
func refusal(response *http.Response, what string, body []byte) error {
	var said struct {
		Error json.RawMessage `json:"error"`
	}
	var named struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(body, &said) == nil && (json.Unmarshal(said.Error, &named) == nil || json.Unmarshal(said.Error, &named.Code) == nil) &&
		named.Code != "" && len(named.Code) <= 100 {
		what += " (" + named.Code + ")"
	}
	err := integration.AnswerError(response, what)
	if answered, is := errors.AsType[*integration.ResponseError](err); is && !answered.RateLimited &&
		(answered.Status == http.StatusUnauthorized || answered.Status == http.StatusForbidden || answered.Status == http.StatusBadRequest) {
		answered.Next = "The app needs the permissions User.Read.All, GroupMember.Read.All and Organization.Read.All, with an administrator's consent, and a client secret that has not expired"
	}
	return err
}

// reading counts the requests of a page, without those for tokens.
type reading struct {
	*graph
	requests int
}

func (g *graph) begin() *reading { return &reading{graph: g} }

// get asks for an answer. path is below the target, or an address that the answer before has named.
func (r *reading) get(ctx context.Context, path string, query url.Values, into any) error {
	return r.ask(ctx, http.MethodGet, path, query, nil, into)
}

func (r *reading) ask(ctx context.Context, method, path string, query url.Values, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestDeadline)
	defer cancel()
	token, err := r.bearer(ctx)
	if err != nil {
		return err
	}
	address := path
	if strings.HasPrefix(path, "/") {
		address = r.target + path
	}
	if len(query) > 0 {
		// Microsoft Graph does not take plus signs for spaces.
		address += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask Microsoft Graph: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("User-Agent", "portico")
	if r.isAdvanced || query.Has("$search") {
		request.Header.Set("Consistencylevel", "eventual")
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	r.requests++
	return r.send(request, "could not read "+request.URL.Path+" from "+r.host, into)
}

// question is what is asked of a list.
type question struct {
	path, filter, search, expand string
	fields                       []string
}

func (q question) query(isAdvanced bool) url.Values {
	query := url.Values{"$top": {strconv.Itoa(listSize)}}
	for name, value := range map[string]string{"$filter": q.filter, "$search": q.search, "$expand": q.expand, "$select": strings.Join(q.fields, ",")} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if isAdvanced || q.search != "" {
		query.Set("$count", "true")
	}
	return query
}

// list is a page of a list.
type list struct {
	Value *[]object `json:"value"`
	Next  string    `json:"@odata.nextLink"`
}

// list reads a list to its end.
func (r *reading) list(ctx context.Context, asked question) ([]object, error) {
	var page list
	path := "/" + strings.Trim(asked.path, "/")
	if err := r.get(ctx, path, asked.query(r.isAdvanced), &page); err != nil {
		return nil, err
	}
	return r.rest(ctx, page, path)
}

// rest reads the pages behind a page.
func (r *reading) rest(ctx context.Context, page list, path string) (all []object, err error) {
	for {
		if page.Value == nil {
			return nil, fmt.Errorf("%s answered with something other than a page of %s", r.host, path)
		}
		for _, one := range *page.Value {
			if one.ID == "" {
				return nil, fmt.Errorf("%s answered with an object without id in %s", r.host, path)
			}
		}
		if all = append(all, *page.Value...); len(all) > maxObjects {
			return nil, fault.New(fault.Input, "%s has more than %d objects", path, maxObjects)
		}
		next := page.Next
		switch {
		case next == "":
			return all, nil
		case !strings.HasPrefix(next, r.target+"/"):
			return nil, fault.New(fault.NotAllowed, "%s names a next page that is elsewhere", r.host)
		case len(*page.Value) == 0 && len(all) == 0:
			return nil, fmt.Errorf("%s answered with an empty page of %s that is not the last one", r.host, path)
		}
		page = list{}
		if err := r.get(ctx, next, nil, &page); err != nil {
			return nil, err
		}
	}
}

// answer is the answer to one question of a batch.
type answer struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// batch asks up to batchSize questions at once, and hands each answer with its number.
func (r *reading) batch(ctx context.Context, paths []string, hand func(n int, body []byte) error) error {
	type part struct {
		ID     string `json:"id"`
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	var asked struct {
		Requests []part `json:"requests"`
	}
	for n, path := range paths {
		asked.Requests = append(asked.Requests, part{ID: strconv.Itoa(n), Method: http.MethodGet, URL: path})
	}
	body, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("ask Microsoft Graph: %w", err)
	}
	var answered struct {
		Responses []answer `json:"responses"`
	}
	if err := r.ask(ctx, http.MethodPost, "/$batch", nil, body, &answered); err != nil {
		return err
	}
	byID := map[string]answer{}
	for _, one := range answered.Responses {
		byID[one.ID] = one
	}
	for n, path := range paths {
		one, is := byID[strconv.Itoa(n)]
		if !is {
			return fmt.Errorf("%s left a question of a batch without an answer: %s", r.host, path)
		}
		if one.Status != http.StatusOK {
			return r.refused(one, path)
		}
		if err := hand(n, one.Body); err != nil {
			return err
		}
	}
	return nil
}

// refused is the error of an answer in a batch.
func (r *reading) refused(one answer, path string) error {
	header := http.Header{}
	for name, value := range one.Headers {
		header.Set(name, value)
	}
	what := "could not read " + strings.SplitN(path, "?", 2)[0] + " from " + r.host
	if one.Status == http.StatusNotFound {
		return fmt.Errorf("%s: it went while the tenant was read", what) // It passes: the next list is without it.
	}
	return refusal(&http.Response{StatusCode: one.Status, Header: header}, what, one.Body)
}

// members reads the members of groups, by the ids of the groups.
func (r *reading) members(ctx context.Context, groups []object) (map[string][]object, error) {
	members := map[string][]object{}
	for from := 0; from < len(groups); from += batchSize {
		part := groups[from:min(from+batchSize, len(groups))]
		paths := make([]string, len(part))
		for n, group := range part {
			paths[n] = "/groups/" + url.PathEscape(group.ID) + "/members?$select=id&$top=" + strconv.Itoa(listSize)
		}
		pages := make([]list, len(part))
		err := r.batch(ctx, paths, func(n int, body []byte) error {
			if err := json.Unmarshal(body, &pages[n]); err != nil {
				return fmt.Errorf("%s answered with something other than the members of %s: %w", r.host, part[n].ID, err)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for n, group := range part {
			if members[group.ID], err = r.rest(ctx, pages[n], "the members of "+group.ID); err != nil {
				return nil, err
			}
		}
	}
	return members, nil
}

// groups reads groups by their ids.
func (r *reading) groups(ctx context.Context, ids []string) ([]object, error) {
	var found []object
	for from := 0; from < len(ids); from += batchSize {
		part := ids[from:min(from+batchSize, len(ids))]
		paths := make([]string, len(part))
		for n, id := range part {
			paths[n] = "/groups/" + url.PathEscape(id)
		}
		err := r.batch(ctx, paths, func(n int, body []byte) error {
			var group object
			if err := json.Unmarshal(body, &group); err != nil || group.ID != part[n] {
				return fmt.Errorf("%s answered with something other than the group %s", r.host, part[n])
			}
			found = append(found, group)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
