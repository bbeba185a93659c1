-- Whether the form of the times is understood at all. Grain: one row in all. Input: the variable
-- time_format.
select try_strptime('', getvariable('time_format')) as moment
