-- SPDX-License-Identifier: MIT
-- Inserts, an index, ranges, groups, updates, a join.
create table t(a integer primary key, b int, c text);
with recursive r(i) as (select 1 union all select i + 1 from r where i < 60000)
	insert into t select i, (i * 7919) % 10007, 'row ' || i from r;
create index ib on t(b);
select count(*), sum(length(c)) from t where b between 100 and 5000;
select b, count(*) from t group by b order by 2 desc, 1 limit 5;
update t set c = c || 'x' where b % 3 = 0;
select count(*) from t x join t y on x.b = y.b where x.a < 3000;
