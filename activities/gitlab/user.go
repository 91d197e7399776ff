package gitlab

import (
	"context"
	"fmt"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/scaffolder/action"
)

// userInfo is the action gitlab:user:info.
type userInfo struct {
	action.NoEffects

	options Options
}

// Describe lists the action with Backstage's schemas.
func (*userInfo) Describe() action.Description {
	return action.Description{
		ID:          "gitlab:user:info",
		Description: "Reads who a GitLab user is: the token's own, or one by number.",
		Examples: []action.Example{
			{
				Description: "Read the token's user",
				Example: `steps:
  - id: user
    name: Read the user
    action: gitlab:user:info
    input:
      repoUrl: gitlab.com
      token: ${{ secrets.USER_OAUTH_TOKEN }}
`,
			},
			{
				Description: "Read a user by number",
				Example: `steps:
  - id: user
    name: Read the user
    action: gitlab:user:info
    input:
      repoUrl: gitlab.com
      userId: 42
`,
			},
		},
		InputSchema:  schema("user.input"),
		OutputSchema: schema("user.output"),
		Needs:        needsToken("is anybody."),
	}
}

// Run reads the user. What GitLab does not say is left out of the output.
func (u *userInfo) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		credentials
		UserID *int64 `json:"userId"`
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	connected, err := u.options.connectTo(input.credentials)
	if err != nil {
		return nil, err
	}
	if input.UserID == nil {
		user, err := connected.whoAmI(ctx)
		if err != nil {
			return nil, err
		}
		return userOutput(user), nil
	}
	var user *gitlab.User
	err = connected.ask(ctx, fmt.Sprintf("looking for the user %d", *input.UserID), func(within gitlab.RequestOptionFunc) (err error) {
		user, _, err = connected.client.Users.GetUser(*input.UserID, nil, within)
		return err
	})
	if err != nil {
		return nil, err
	}
	return userOutput(user), nil
}

func userOutput(user *gitlab.User) action.Output {
	output := action.Output{"id": user.ID, "username": user.Username}
	for name, value := range map[string]string{
		"name": user.Name, "state": user.State, "webUrl": user.WebURL, "email": user.Email, "publicEmail": user.PublicEmail,
	} {
		if value != "" {
			output[name] = value
		}
	}
	if user.CreatedAt != nil {
		output["createdAt"] = user.CreatedAt.UTC().Format(time.RFC3339Nano)
	}
	return output
}
