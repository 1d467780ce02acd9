UPDATE _lf_state SET value=1 WHERE key='replaying'
