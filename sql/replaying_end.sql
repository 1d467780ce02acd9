UPDATE _lf_state SET value=0 WHERE key='replaying'
