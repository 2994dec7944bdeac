// SPDX-License-Identifier: Apache-2.0

package main

import "log/slog"

// counted is what the policies cost the agent of a node on which all pods of the question run. Rules and subjects are
// those of every node; peers are of the policies of pods that run there.
type counted struct {
	// Rules are those of its repository: one for each list of peers and ports in a policy.
	Rules int `json:"rules"`
	// Subjects are the selectors by which rules find the pods that they hold for.
	Subjects int `json:"subjects"`
	// Peers are the selectors in its selector cache: each is one set of identities that is kept up to date.
	Peers int `json:"peers"`
	// Largest is how many entries the largest map of a pod has, which its datapath looks up.
	Largest int `json:"largest"`
}

func (q question) count(logger *slog.Logger) (*counted, error) {
	engine, err := q.load(logger)
	if err != nil {
		return nil, err
	}
	defer engine.close(logger)
	rules, _ := engine.repository.Search()
	result := &counted{
		Rules:    len(rules),
		Subjects: len(engine.repository.GetSubjectSelectorCache().GetModel()),
		Peers:    len(engine.repository.GetSelectorCache().GetModel()),
	}
	for _, one := range engine.maps {
		if one != nil {
			result.Largest = max(result.Largest, one.Len())
		}
	}
	return result, nil
}
