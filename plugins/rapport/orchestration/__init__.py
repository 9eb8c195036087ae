"""Where Rapport meets Airflow, Cosmos and the operator's terminal."""
