// Every key of every user is young: a list in pages, then all users side by side.
package main

import (
	_ "embed"

	"evidenced/kit"
)

// Config is as config.schema.json describes it.
type Config struct {
	URL        string `json:"url"`
	MaxAgeDays int    `json:"max_age_days"`
}

//go:embed config.schema.json
var schema string

func init() {
	kit.Check(kit.Description{
		Name:    "users",
		Version: "0.1.0",
		Summary: "Every key of every user is young",
		Schema:  schema,
		Hosts:   []string{"/url"},
	}, run)
}

func run(run *kit.Run, config Config) (*kit.Report, error) {
	var users []string
	first := kit.Call{URL: config.URL + "/users?page=1", Purpose: "users"}
	for page, err := range run.Pages(first, kit.ByToken("next", "page")) {
		if err != nil {
			return nil, err
		}
		var answer struct{ Users []struct{ ID string } }
		if err := page.JSON(&answer); err != nil {
			return nil, err
		}
		for _, user := range answer.Users {
			users = append(users, user.ID)
		}
	}

	calls := make([]kit.Call, len(users))
	for at, user := range users {
		calls[at] = kit.Call{URL: config.URL + "/users/" + user + "/keys", Purpose: "keys"}
	}
	findings := kit.NewFindings("every key of every user, to the last page")
	for at, answer := range run.SendAll(calls) {
		findings.Attempt(users[at], func() error {
			var list struct {
				Keys []struct{ ID, Created string }
			}
			if err := answer.JSON(&list); err != nil {
				return err
			}
			for _, key := range list.Keys {
				findings.Subject(users[at]+"/"+key.ID, func(finding *kit.Finding) error {
					created, err := kit.Instant(key.Created)
					if err != nil {
						return err
					}
					age := kit.Days(created, run.Now)
					good := finding.AtMost("age", float64(age), kit.Day, float64(config.MaxAgeDays))
					finding.PassIf(good, "created %d days ago, at most %d are allowed", age, config.MaxAgeDays)
					return nil
				})
			}
			return nil
		})
	}

	return findings.Report("%d of %d did not pass", findings.NotPassed(), findings.Len()), nil
}

// The host calls the check, and never this.
func main() {}
