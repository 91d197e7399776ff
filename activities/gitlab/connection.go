package gitlab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	gitlabhost "github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const (
	// requestTimeout bounds one request to the API.
	requestTimeout = time.Minute
	// pageSize is the greatest size of a page.
	pageSize = 100
	// maxPages bounds a listing.
	maxPages = 50
)

// connection makes requests to one host with one token.
type connection struct {
	host   string
	client *gitlabhost.Client
	// lostToken says that the step passed a token of its own when the thing was created. It is not kept, so
	// the integration's is used instead.
	lostToken bool
	me        *gitlab.User
}

// credentials are the inputs of every action: where, and as whom.
type credentials struct {
	RepoURL string `json:"repoUrl"`
	Token   string `json:"token"`
}

// connect prepares requests to a host. The step's token replaces the integration's.
func (o Options) connect(host, token string) (*connection, error) {
	if err := action.RequireUserToken(o.RequireUserCredentials, token, host); err != nil {
		return nil, err
	}
	return o.connectAs(host, token)
}

func (o Options) connectAs(host, token string) (*connection, error) {
	client, err := gitlabhost.ClientFor(o.Hosts, host, token)
	if err != nil {
		return nil, err
	}
	if client.Token() == "" {
		return nil, action.Advise(action.InputError("No token available for host %s", host),
			"Add a token to the entry of %s under integrations.gitlab and retry, or pass the user's as the step's token.", host)
	}
	return &connection{host: host, client: client}, nil
}

// target finds the project that a repoUrl names.
func (o Options) target(repoURL string) (integration.Repo, error) {
	target, err := o.Hosts.ParseRepoURL(repoURL)
	if err != nil {
		return integration.Repo{}, err
	}
	return target, nil
}

// connectTo prepares requests to the host of a repoUrl, which need not name a project.
func (o Options) connectTo(given credentials) (*connection, error) {
	host, err := integration.RepoURLHost(given.RepoURL)
	if err != nil {
		return nil, action.Classify(err)
	}
	return o.connect(host, given.Token)
}

// place is what the ledger keeps about where a thing is.
type place struct {
	Host string `json:"host"`
	// OwnToken says that the step passed a token of its own, so that the integration's may not see the thing.
	OwnToken bool `json:"ownToken,omitempty"`
	// Secret is the name of the run's secret that was this token, "" where the form passes the user's.
	Secret string `json:"secret,omitempty"`
	// Absent says that no such thing was there when the intent was recorded.
	Absent bool `json:"absent,omitempty"`
}

func (c *connection) place(token string, absent bool) place {
	return place{Host: c.host, OwnToken: token != "", Absent: absent}
}

// reconnect prepares the requests of an undo.
func (o Options) reconnect(at place, call *action.UndoCall) (*connection, error) {
	token := ""
	if at.OwnToken {
		token = call.Secrets[cmp.Or(at.Secret, action.UserTokenSecret)]
	}
	connected, err := o.connectAs(at.Host, token)
	if err != nil {
		return nil, err
	}
	connected.lostToken = at.OwnToken && token == ""
	return connected, nil
}

// ask makes one request under a deadline and explains its failure. The message starts with doing.
func (c *connection) ask(ctx context.Context, doing string, request func(gitlab.RequestOptionFunc) error) error {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	listening, refusal := gitlabhost.Listen(bounded)
	if err := request(gitlab.WithContext(listening)); err != nil {
		return c.explain(ctx, doing, err, refusal())
	}
	return nil
}

// send makes one request with a body of its own, where the official client has another form than GitLab takes
// or Backstage sends. The path is escaped, and may have a query. Nil is no body, or an answer that nobody reads.
func (c *connection) send(ctx context.Context, doing, method, path string, body, into any) error {
	return c.ask(ctx, doing, func(within gitlab.RequestOptionFunc) error {
		address, query, _ := strings.Cut(path, "?")
		request, err := c.client.NewRequest(method, address, body, []gitlab.RequestOptionFunc{within})
		if err != nil {
			return err
		}
		request.URL.RawQuery = query
		_, err = c.client.Do(request, into)
		return err
	})
}

// path joins the segments of a path of the API.
func path(segments ...string) string {
	escaped := make([]string, len(segments))
	for i, segment := range segments {
		escaped[i] = gitlab.PathEscape(segment)
	}
	return strings.Join(escaped, "/")
}

// isStatus reports whether GitLab answered with one of the statuses.
func isStatus(err error, statuses ...int) bool {
	answer, is := errors.AsType[*gitlab.ErrorResponse](err)
	if !is {
		return false
	}
	return slices.Contains(statuses, answer.StatusCode)
}

// absent turns "not found" into no error.
func absent(err error) error {
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// gone makes GitLab's 404 of a deletion resource.ErrNotExist.
func gone(err error) error {
	if isStatus(err, http.StatusNotFound) {
		return resource.ErrNotExist
	}
	return err
}

// all reads a listing page by page. GitLab numbers the pages.
func all[T any](ctx context.Context, c *connection, doing string,
	page func(gitlab.ListOptions, gitlab.RequestOptionFunc) ([]T, *gitlab.Response, error),
) ([]T, error) {
	var listed []T
	options := gitlab.ListOptions{PerPage: pageSize}
	for range maxPages {
		var next int64
		err := c.ask(ctx, doing, func(within gitlab.RequestOptionFunc) error {
			found, answer, err := page(options, within)
			if err == nil {
				listed, next = append(listed, found...), answer.NextPage
			}
			return err
		})
		if err != nil || next == 0 {
			return listed, err
		}
		options.Page = next
	}
	return nil, action.Final(fmt.Errorf("%s: %s lists more than %d", doing, c.host, maxPages*pageSize))
}

// whoAmI is the token's user.
func (c *connection) whoAmI(ctx context.Context) (*gitlab.User, error) {
	if c.me != nil {
		return c.me, nil
	}
	err := c.ask(ctx, "asking whose token this is", func(within gitlab.RequestOptionFunc) (err error) {
		c.me, _, err = c.client.Users.CurrentUser(within)
		return err
	})
	return c.me, err
}

// madeSince reports whether a thing is as old as the effect at most.
func madeSince(effect action.Effect, created *time.Time) bool {
	return created != nil && resource.MadeSince(effect, *created)
}

// id formats a number of GitLab's.
func id(number int64) string { return strconv.FormatInt(number, 10) }

// projectID is a project's number or path, as a template writes it.
type projectID string

// UnmarshalJSON accepts a number and a text.
func (p *projectID) UnmarshalJSON(encoded []byte) error {
	var number json.Number
	if json.Unmarshal(encoded, &number) == nil && number != "" {
		*p = projectID(number)
		return nil
	}
	return json.Unmarshal(encoded, (*string)(p))
}

// hiddenFrom says why a thing of a namespace may exist although the token does not see it, "" when the token
// sees all that is in the namespace: it is an administrator's, the namespace's own user's, or a member's of
// the group, who is a member of all that is below.
func (c *connection) hiddenFrom(ctx context.Context, namespace string) (string, error) {
	me, err := c.whoAmI(ctx)
	if err != nil {
		return "", err
	}
	if me.IsAdmin || strings.EqualFold(me.Username, namespace) {
		return "", nil
	}
	for group := namespace; group != ""; group = parentOf(group) {
		isMember, err := c.isMember(ctx, group, me)
		if err != nil || isMember {
			return "", err
		}
	}
	reason := fmt.Sprintf("the token is %s's, who is not a member of %s and may not see all that is there", me.Username, namespace)
	if c.lostToken {
		reason = "it was created with a token that the step passed and that is gone now, and " + reason
	}
	return reason, nil
}

// isMember reports whether a user is a member of a group, or of one that it is in. Members see all groups and
// projects below.
func (c *connection) isMember(ctx context.Context, group string, user *gitlab.User) (is bool, err error) {
	err = c.ask(ctx, "looking for a membership of "+group, func(within gitlab.RequestOptionFunc) error {
		_, _, err := c.client.GroupMembers.GetInheritedGroupMember(group, user.ID, within)
		is = err == nil
		return switchedOff(err)
	})
	return is, err
}

// inputFailure gives a final failure the sentence that Backstage has for it. What GitLab said follows.
func inputFailure(err error, format string, args ...any) error {
	if err == nil || action.IsTransient(err) || !isAnswer(err) {
		return err
	}
	sentence := fmt.Sprintf(format, args...)
	advice := action.Advice(err)
	err = action.Refuse(fault.Input, fmt.Errorf("%s %w", sentence, &said{err}))
	if advice == "" {
		return err
	}
	return action.Advise(err, "%s", advice)
}

// said is an error whose text is only what GitLab said.
type said struct{ error }

// Error is what GitLab said.
func (s *said) Error() string {
	if refused, is := errors.AsType[*refusal](s.error); is {
		return refused.message
	}
	return s.error.Error()
}

// Unwrap gives the error itself to errors.Is and errors.As.
func (s *said) Unwrap() error { return s.error }

func isAnswer(err error) bool {
	_, is := errors.AsType[*refusal](err)
	return is
}
