// SPDX-License-Identifier: Apache-2.0

package site

// Refuse makes an error of what others find wrong with a site file that is right by its own rules, as the choice of packages: each
// problem with the line that it has in the file now. It returns nil where the site was not loaded from a file, or nothing is wrong.
func (s *Site) Refuse(problems []Problem) *Problems {
	if s.file == "" || len(problems) == 0 {
		return nil
	}
	out := &Problems{File: s.file}
	data, err := read(s.file)
	d := readDocument(data)
	for _, problem := range problems {
		problem.Value = show(problem.Value)
		if err == nil && d.root != nil { // else somebody has taken the file away meanwhile
			at := d.locate(problem.Path)
			problem.Line, problem.Column = at.line, at.column
		}
		out.List = append(out.List, problem)
	}
	sortProblems(out.List)
	return out
}
